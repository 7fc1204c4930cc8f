import type { WeightSource } from "@tessera/safetensors";
import { packWeights } from "./packWeights.ts";
import type { PackedWeight, Plan } from "./plan.ts";
import type { RecordOptions } from "./backend.ts";

/** Packed weights as a program uses them. */
export interface TakenWeights<T> {
  at(key: string): T;
  /** Gives them back; what nobody uses any more is freed. */
  release(): void;
}

/**
 * The packed weights of a device, each there once however many programs take it from the same source: several sizes of a
 * network, or its whole and its sparse form.
 */
export class WeightStore<T> {
  readonly #free: (at: T) => void;
  readonly #sources = new Map<WeightSource, Map<string, { readonly at: T; users: number }>>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(free: (at: T) => void) {
    this.#free = free;
  }

  /** A plan's weights: `put` brings those to the device that are not there yet. One plan at a time, so none is put twice. */
  take(
    plan: Plan,
    source: WeightSource,
    put: (weight: PackedWeight, bytes: Uint8Array<ArrayBuffer>) => T | Promise<T>,
    watch: RecordOptions,
  ): Promise<TakenWeights<T>> {
    const taken = this.#turn.then(() => this.#take(plan, source, put, watch));
    this.#turn = taken.catch(() => {});
    return taken;
  }

  async #take(...[plan, source, put, watch]: Parameters<WeightStore<T>["take"]>): Promise<TakenWeights<T>> {
    const known = this.#sources.get(source) ?? new Map<string, { readonly at: T; users: number }>();
    this.#sources.set(source, known);
    const mine: string[] = [];
    const release = () => {
      for (const key of mine.splice(0)) {
        const kept = known.get(key)!;
        if (--kept.users) continue;
        known.delete(key);
        this.#free(kept.at);
      }
      if (!known.size) this.#sources.delete(source);
    };
    const own = (key: string, at: T) => {
      const kept = known.get(key) ?? { at, users: 0 };
      known.set(key, { ...kept, users: kept.users + 1 });
      mine.push(key);
    };
    try {
      const missing = plan.weights.filter(({ key }) => !known.has(key));
      for (const { key } of plan.weights) if (known.has(key)) own(key, known.get(key)!.at);
      const weightBytes = missing.reduce((sum, { bytes }) => sum + bytes, 0);
      const puts: Promise<void>[] = [];
      let failure: { readonly error: unknown } | undefined;
      const onPut = async (weight: PackedWeight, at: T | Promise<T>) => own(weight.key, await at);
      try {
        const upload = (weight: PackedWeight, bytes: Uint8Array<ArrayBuffer>) => {
          if (failure) throw failure.error;
          puts.push(onPut(weight, put(weight, bytes)).catch((error: unknown) => void (failure ??= { error })));
        };
        await packWeights({ weights: missing, weightBytes }, source, upload, watch);
      } finally {
        await Promise.all(puts);
      }
      if (failure) throw failure.error;
      return { at: (key) => known.get(key)!.at, release };
    } catch (error) {
      release();
      throw error;
    }
  }
}
