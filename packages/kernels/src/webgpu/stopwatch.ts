import { usage, type DeviceContext } from "./deviceContext.ts";

const queryResolve = 512;
/** WebGPU's limit for the queries of a set. */
const mostQueries = 4096;

/** Times the launches of one run on the device's own clock: each in a compute pass of its own, between two timestamps. */
export class Stopwatch {
  readonly #context: DeviceContext;
  readonly #calls: readonly number[];
  readonly #queries: GPUQuerySet;

  /** `calls` tells for each launch the call it is part of. */
  private constructor(context: DeviceContext, calls: readonly number[]) {
    this.#context = context;
    this.#calls = calls;
    this.#queries = context.device.createQuerySet({ type: "timestamp", count: 2 * calls.length });
  }

  /** Undefined where the device has no timestamps, or not so many. */
  static for(context: DeviceContext, calls: readonly number[]): Stopwatch | undefined {
    const isPossible = context.caps.timestamps && calls.length > 0 && 2 * calls.length <= mostQueries;
    return isPossible ? new Stopwatch(context, calls) : undefined;
  }

  /** A pass for a launch, which is timed from here until the pass ends. */
  begin(encoder: GPUCommandEncoder, launch: number): GPUComputePassEncoder {
    return encoder.beginComputePass({
      timestampWrites: {
        querySet: this.#queries,
        beginningOfPassWriteIndex: 2 * launch,
        endOfPassWriteIndex: 2 * launch + 1,
      },
    });
  }

  /** Milliseconds of each of `count` calls, once all launches are submitted. Browsers round times to 0.1 ms. */
  async read(count: number): Promise<number[]> {
    const { device } = this.#context;
    const bytes = 8 * this.#queries.count;
    const [resolved, read] = [queryResolve | usage.copySrc, usage.mapRead | usage.copyDst].map((flags) =>
      device.createBuffer({ label: "timestamps", size: bytes, usage: flags }),
    );
    try {
      const encoder = device.createCommandEncoder({ label: "timestamps" });
      encoder.resolveQuerySet(this.#queries, 0, this.#queries.count, resolved, 0);
      encoder.copyBufferToBuffer(resolved, 0, read, 0, bytes);
      device.queue.submit([encoder.finish()]);
      await this.#context.orLost(read.mapAsync(usage.mapRead));
      const nanoseconds = new BigUint64Array(read.getMappedRange());
      const ms = new Array<number>(count).fill(0);
      // A launch that this run had no need of has no timestamps: both are 0.
      this.#calls.forEach((call, i) => (ms[call] += Number(nanoseconds[2 * i + 1] - nanoseconds[2 * i]) / 1e6));
      return ms;
    } finally {
      resolved.destroy();
      read.destroy();
    }
  }

  dispose(): void {
    this.#queries.destroy();
  }
}
