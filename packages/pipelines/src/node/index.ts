export { openCheckpoint } from "./openCheckpoint.ts";
export { openGaugan } from "./openGaugan.ts";
