import { wgsl } from "../../webgpu/wgsl.ts";

/**
 * WGSL for the first query, the first channel of the head and the picture b of workgroup number `group`, of `blocks` blocks
 * of queries for each head. Blocks of one head follow each other, since they read the same keys; but where a run may be given
 * fewer queries, heads do, so that the front of the work is the front of the queries.
 */
export const workgroupPlace = (queries: number | string, isCounted: boolean): string => wgsl`
  let first_query = group ${isCounted ? "/ heads " : ""}% blocks * ${queries};
  let first_channel = group ${isCounted ? "" : "/ blocks "}% heads * d;
  let b = group / (blocks * heads);`;
