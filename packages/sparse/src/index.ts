export { activeBlocks, blockMap, blockSet, type BlockSet, type Window } from "./blockSet.ts";
export { sparseMacs } from "./macs.ts";
export {
  density,
  differenceMask,
  dilate,
  maskPyramid,
  type Mask,
  type MaskPyramid,
  type Pair,
  type PyramidOptions,
} from "./mask.ts";
export { planCache, printCachePlan, type CacheLevel, type CachePlan } from "./planCache.ts";
export { recallGraph, recordGraph } from "./recall.ts";
export { sparsify, type Sparsified, type SparsifyOptions } from "./sparsify.ts";
