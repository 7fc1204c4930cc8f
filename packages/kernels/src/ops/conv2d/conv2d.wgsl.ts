import { depthwise } from "./depthwise.wgsl.ts";
import { direct } from "./direct.wgsl.ts";
import { implicitGemmKernels } from "./implicitGemm.wgsl.ts";
import { winograd2, winograd4, winograd6 } from "./winograd.wgsl.ts";

export const ladder = [depthwise, winograd6, winograd4, winograd2, ...implicitGemmKernels, direct];
