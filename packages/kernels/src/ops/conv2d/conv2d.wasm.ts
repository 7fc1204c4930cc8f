import type { WasmKernel } from "../../wasm/kernel.ts";
import { depthwise } from "./depthwise.wasm.ts";
import { direct } from "./direct.wasm.ts";
import { gemm } from "./gemm.wasm.ts";
import { winograd2, winograd4 } from "./winograd.wasm.ts";

export const ladder: readonly WasmKernel[] = [winograd4, winograd2, gemm, depthwise, direct];
