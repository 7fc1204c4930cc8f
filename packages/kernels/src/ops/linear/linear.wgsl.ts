import { direct } from "./direct.wgsl.ts";
import { tiledKernels } from "./tiled.wgsl.ts";

export const ladder = [...tiledKernels, direct];
