import { ceilDiv, wgsl } from "./wgsl.ts";

const threads = 64;
/** To begin a workgroup costs as much as some vectors, but a wide GPU wants many of them. */
const [mostVectors, enoughWorkgroups] = [16, 512];

/** How many numbers a workgroup does of `total`, `width` of them at a time in each thread. */
function perWorkgroup(total: number, width: number): number {
  const vectors = Math.floor(total / (threads * width * enoughWorkgroups));
  return threads * width * Math.min(mostVectors, Math.max(1, vectors));
}

/** How many workgroups do `total` numbers with `eachNumber`. */
export const workgroupsForEach = (total: number, width: number): number => ceilDiv(total, perWorkgroup(total, width));

/** An entry point that does `body` for `at` = 0, `width`, 2 `width`, … below `total`; neighbours in memory side by side. */
export const eachNumber = (total: number, width: number, body: string): string => wgsl`
  @compute @workgroup_size(${threads})
  fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
    let first = workgroup_index(id) * ${perWorkgroup(total, width)};
    let end = min(first + ${perWorkgroup(total, width)}, ${total});
    for (var at = first + i32(lane) * ${width}; at < end; at += ${threads * width}) {
      ${body}
    }
  }`;
