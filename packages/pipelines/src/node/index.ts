export { openCheckpoint } from "./openCheckpoint.ts";
export { openControlNet } from "./openControlNet.ts";
