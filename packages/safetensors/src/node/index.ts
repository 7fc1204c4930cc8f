export { fileSource } from "./fileSource.ts";
export { openCheckpoint } from "./openCheckpoint.ts";
export { replaceFile } from "./replaceFile.ts";
export { writeSafetensorsFile } from "./writeSafetensorsFile.ts";
