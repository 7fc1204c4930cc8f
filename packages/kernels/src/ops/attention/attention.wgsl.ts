import { flash } from "./flash.wgsl.ts";
import { flashSubgroups } from "./flashSubgroups.wgsl.ts";
import { partiallyFused } from "./partiallyFused.wgsl.ts";

export const ladder = [flashSubgroups, partiallyFused, flash];
