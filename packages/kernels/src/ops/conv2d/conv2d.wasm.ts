import type { WasmKernel } from "../../wasm/kernel.ts";
import { depthwise } from "./depthwise.wasm.ts";
import { direct } from "./direct.wasm.ts";
import { gemm } from "./gemm.wasm.ts";

export const ladder: readonly WasmKernel[] = [gemm, depthwise, direct];
