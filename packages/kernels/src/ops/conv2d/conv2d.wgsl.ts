import { direct } from "./direct.wgsl.ts";
import { implicitGemmKernels } from "./implicitGemm.wgsl.ts";

export const ladder = [...implicitGemmKernels, direct];
