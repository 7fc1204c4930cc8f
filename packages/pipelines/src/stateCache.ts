import type { DeviceTensor } from "@tessera/kernels";
import { fromFloat16Bits, toFloat16Bits } from "@tessera/safetensors";
import type { BlockSet, CachePlan } from "@tessera/sparse";
import type { BlockLists } from "./sparseNetwork.ts";

/** Numbers as they are kept: halves, or whole where a half cannot hold them. */
type Kept = Uint16Array | Float32Array;

/** Pixels of one state of one evaluation, as they shall be. */
export interface Patch {
  readonly evaluation: number;
  readonly state: string;
  /** Their rows in the state. */
  readonly rows: Int32Array;
  readonly values: Kept;
}

/**
 * What a network made of an original in several evaluations, on the host: states as rows (see `recordGraph`), in halves.
 * Statistics are kept in full. An accepted edit patches its tiles, and the patch that undoes it comes back.
 */
export class StateCache {
  readonly plan: CachePlan;
  readonly #exact: ReadonlySet<string>;
  readonly #kept = new Map<number, Map<string, Kept>>();

  constructor(plan: CachePlan) {
    this.plan = plan;
    this.#exact = new Set(plan.levels.flatMap(({ height, states }) => (height ? [] : states)));
  }

  has(evaluation: number): boolean {
    return this.#kept.has(evaluation);
  }

  async put(evaluation: number, outputs: Readonly<Record<string, DeviceTensor>>): Promise<void> {
    const states = new Map<string, Kept>();
    for (const name of this.plan.kept) {
      const numbers = await outputs[name].read();
      states.set(name, this.#exact.has(name) ? numbers : halved(numbers));
    }
    this.#kept.set(evaluation, states);
  }

  get(evaluation: number): Record<string, Float32Array> {
    const states = this.#kept.get(evaluation)!;
    return Object.fromEntries([...states].map(([name, kept]) => [name, whole(kept)]));
  }

  /** The patch that takes over tiles [1, k·t·t, c] of an edit. */
  async patch(
    evaluation: number,
    state: string,
    set: BlockSet,
    { lists, tiles }: { readonly lists: BlockLists; readonly tiles: DeviceTensor },
  ): Promise<Patch> {
    const channels = tiles.shape[2];
    const numbers = await tiles.read();
    const { tile, scale, offset, key } = set;
    const [height, width] = [set.height, set.width].map((side) => Math.ceil(side / scale));
    const at = lists[`at.${key}`];
    const rows: number[] = [];
    const from: number[] = [];
    for (let k = 0; k < at.length / 2; k++) {
      const [top, left] = [0, 1].map((d) => (at[2 * k + d] + offset[d]) / scale);
      for (let i = 0; i < tile && top + i < height; i++)
        for (let j = 0; j < tile && left + j < width; j++) {
          rows.push((top + i) * width + left + j);
          from.push((k * tile + i) * tile + j);
        }
    }
    const values = new Float32Array(rows.length * channels);
    from.forEach((row, i) => values.set(numbers.subarray(row * channels, (row + 1) * channels), i * channels));
    return { evaluation, state, rows: Int32Array.from(rows), values: halved(values) };
  }

  /** Applies patches, and returns those that take them back. */
  apply(patches: readonly Patch[]): Patch[] {
    return patches.map(({ evaluation, state, rows, values }) => {
      const states = this.#kept.get(evaluation)!;
      const channels = values.length / rows.length;
      let kept = states.get(state)!;
      // Numbers that no half can hold: the state is kept in full from here on.
      if (values instanceof Float32Array && kept instanceof Uint16Array) states.set(state, (kept = whole(kept)));
      const own = kept instanceof Float32Array ? whole(values) : values;
      const before = kept.slice(0, values.length);
      rows.forEach((row, i) => {
        before.set(kept.subarray(row * channels, (row + 1) * channels), i * channels);
        kept.set(own.subarray(i * channels, (i + 1) * channels), row * channels);
      });
      return { evaluation, state, rows, values: before };
    });
  }

  clear(): void {
    this.#kept.clear();
  }
}

const infinite = 0x7c00;

/** As halves, unless one of the numbers is too large for them. */
function halved(numbers: Float32Array): Kept {
  const halves = toFloat16Bits(numbers);
  return halves.some((bits) => (bits & infinite) === infinite) ? numbers : halves;
}

const whole = (kept: Kept): Float32Array => (kept instanceof Uint16Array ? fromFloat16Bits(kept) : kept);
