import { direct } from "./direct.wgsl.ts";
import { implicitGemmRegisters, implicitGemmShared } from "./implicitGemm.wgsl.ts";

export const ladder = [implicitGemmShared, implicitGemmRegisters, direct];
