export { openCheckpoint } from "./openCheckpoint.ts";
