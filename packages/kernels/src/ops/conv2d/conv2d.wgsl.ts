import { direct } from "./direct.wgsl.ts";
import { implicitGemmKernels } from "./implicitGemm.wgsl.ts";
import { winograd2, winograd4 } from "./winograd.wgsl.ts";

export const ladder = [winograd4, winograd2, ...implicitGemmKernels, direct];
