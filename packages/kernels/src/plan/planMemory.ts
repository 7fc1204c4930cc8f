/** Something that needs memory from one call to another, both included. */
export interface Lifetime {
  readonly bytes: number;
  readonly first: number;
  readonly last: number;
}

/** Where each lifetime lies, and what the plan costs. */
export interface MemoryPlan {
  /** Sizes of the blocks to allocate. */
  readonly blocks: readonly number[];
  /** For each lifetime, in the order given: the block and the offset in it, in bytes. */
  readonly places: readonly { readonly block: number; readonly offset: number }[];
  /** Bytes of all blocks. */
  readonly bytes: number;
  /** Bytes if each tensor had its own memory. */
  readonly naiveBytes: number;
  /** The most bytes alive at one call: no plan can do better. */
  readonly lowerBoundBytes: number;
}

const ALIGN = 256;
const align = (bytes: number) => Math.ceil(bytes / ALIGN) * ALIGN;
const overlap = (a: Lifetime, b: Lifetime) => a.first <= b.last && b.first <= a.last;

/**
 * Gives every lifetime a place. `offsets` packs them into one block (linear memory); `blocks` hands out whole buffers,
 * since within a WebGPU dispatch a buffer is either written once or read. Greedy by size (Pisarchyk & Lee 2020, §5.2).
 */
export function planMemory(
  lifetimes: readonly Lifetime[],
  strategy: "greedy" | "naive",
  unit: "offsets" | "blocks",
): MemoryPlan {
  const places = new Array<{ block: number; offset: number }>(lifetimes.length);
  const largestFirst = [...lifetimes.keys()].sort((a, b) => lifetimes[b].bytes - lifetimes[a].bytes);
  const conflict = (a: number, b: number) => strategy === "naive" || overlap(lifetimes[a], lifetimes[b]);
  const blocks: number[] = [];
  if (unit === "offsets") {
    const placed: number[] = [];
    let end = 0;
    for (const i of largestFirst) {
      const size = align(lifetimes[i].bytes);
      let offset = 0;
      for (const j of placed) {
        if (!conflict(i, j)) continue;
        if (offset + size <= places[j].offset) break;
        offset = Math.max(offset, places[j].offset + align(lifetimes[j].bytes));
      }
      places[i] = { block: 0, offset };
      placed.splice(lowerBound(placed, offset, places), 0, i);
      end = Math.max(end, offset + size);
    }
    if (lifetimes.length) blocks.push(end);
  } else {
    const members: number[][] = [];
    for (const i of largestFirst) {
      let block = members.findIndex((others) => others.every((j) => !conflict(i, j)));
      if (block < 0) {
        block = members.push([]) - 1;
        blocks.push(align(lifetimes[i].bytes));
      }
      members[block].push(i);
      places[i] = { block, offset: 0 };
    }
  }
  const starts = new Set(lifetimes.map((l) => l.first));
  const aliveAt = (call: number) =>
    lifetimes.reduce((sum, l) => (l.first <= call && call <= l.last ? sum + align(l.bytes) : sum), 0);
  return {
    blocks,
    places,
    bytes: blocks.reduce((a, b) => a + b, 0),
    naiveBytes: lifetimes.reduce((sum, l) => sum + align(l.bytes), 0),
    lowerBoundBytes: Math.max(0, ...[...starts].map(aliveAt)),
  };
}

function lowerBound(placed: readonly number[], offset: number, places: readonly { offset: number }[]): number {
  let low = 0;
  for (let high = placed.length; low < high;) {
    const middle = (low + high) >> 1;
    if (places[placed[middle]].offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
