export { openCheckpoint } from "./openCheckpoint.ts";
export { openGaugan } from "./openGaugan.ts";
export { openControlNet } from "./openControlNet.ts";
export { openNetworks, type OpenNetworks } from "./openNetworks.ts";
export { openPixelDiffusion } from "./openPixelDiffusion.ts";
