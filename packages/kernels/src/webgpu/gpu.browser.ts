/** The browser's WebGPU, or undefined where it has none. */
export const gpu = async (): Promise<GPU | undefined> => (globalThis.navigator as Navigator | undefined)?.gpu;

/** What to try where there is no adapter. */
export const advice =
  "use a browser with WebGPU (Chrome or Edge 113, Firefox 141, Safari 26 or later) over https or localhost, check that hardware acceleration is on, or use the wasm backend";
