export { wasm, type WasmOptions } from "./backend.ts";
export type { WasmCaps } from "./kernel.ts";
