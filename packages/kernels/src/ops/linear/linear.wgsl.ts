import { direct } from "./direct.wgsl.ts";
import { tiledRegisters, tiledShared } from "./tiled.wgsl.ts";

export const ladder = [tiledShared, tiledRegisters, direct];
