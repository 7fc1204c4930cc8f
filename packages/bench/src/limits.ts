import type { Backend } from "@tessera/kernels";
import { cores, startProbe } from "#platform";
import type { Limits } from "./result.ts";

/** When a thread was at work, in milliseconds since 1970. */
export interface ProbeSpan {
  readonly begin: number;
  readonly end: number;
}

/** A thread that runs `rounds` of one of the loops of multiply-adds, then copies memory. */
export interface ProbeThread {
  measure(work: { readonly loop: number; readonly rounds: number; readonly copies: number }): Promise<ProbeSpan>;
  end(): Promise<void>;
}

/** What a backend can do at most: on WebGPU what the adapter can, else what the processor can on so many threads. */
export async function limitsOf({ name }: Pick<Backend, "name">, threads = cores(), runs?: number): Promise<Limits> {
  if (name !== "webgpu") return measureLimits(threads, runs);
  const { adapterLimits } = await import("./adapterLimits.ts"); // with WebGPU, where it is used
  const { requestDevice } = await import("@tessera/kernels/webgpu");
  const device = await requestDevice();
  try {
    return await adapterLimits(device, runs);
  } finally {
    device.destroy();
  }
}

/**
 * How many independent chains a loop may have: few do not fill the pipes, many do not fit in the registers. Which is best
 * depends on the processor, so each is tried.
 */
const chainCounts = [8, 10, 12, 13];

/** A module with `run(n: i32): f32`: n times a ← a · x + y on each chain, a vector of four; no memory is touched. */
export function multiplyAddModule(chains: number): Uint8Array<ArrayBuffer> {
  const mul = [0xfd, 0xe6, 1];
  const add = [0xfd, 0xe4, 1];
  const get = (local: number) => [0x20, local];
  const set = (local: number) => [0x21, local];
  const splat = (x: number) => [0x43, ...new Uint8Array(Float32Array.of(x).buffer), 0xfd, 0x13];
  const [n, x, y] = [0, 1, 2];
  const acc = Array.from({ length: chains }, (_, k) => 3 + k);
  const locals = [1, 2 + chains, 0x7b]; // x, y and the chains are v128
  const begin = [0x03, 0x40]; // loop
  const again = [...get(n), 0x41, 1, 0x6b, 0x22, n, 0x0d, 0, 0x0b]; // n ← n − 1; again while n ≠ 0
  const firstLane = [0xfd, 0x1f, 0, 0x0b];
  const body = [
    locals,
    [...splat(0.999), ...set(x), ...splat(0.001), ...set(y)],
    acc.flatMap((a) => [...splat(a), ...set(a)]),
    begin,
    acc.flatMap((a) => [...get(a), ...get(x), ...mul, ...get(y), ...add, ...set(a)]),
    again,
    get(acc[0]),
    acc.slice(1).flatMap((a) => [...get(a), ...add]),
    firstLane,
  ].flat();
  const leb = (value: number) => (value < 128 ? [value] : [(value & 127) | 128, value >> 7]);
  const section = (id: number, content: number[]) => [id, ...leb(content.length), ...content];
  const head = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
  const type = section(1, [1, 0x60, 1, 0x7f, 1, 0x7d]);
  const exported = section(7, [1, 3, 0x72, 0x75, 0x6e, 0, 0]); // "run"
  const code = section(10, [1, ...leb(body.length), ...body]);
  return Uint8Array.from([head, type, section(3, [1, 0]), exported, code].flat());
}

/** Threads that measure, by their own clocks, what the processor can do on all of them together. */
export interface Probes {
  /** GFLOPS of multiply-adds in registers, by one of the loops. */
  multiplyAdd(loop: number): Promise<number>;
  /** Milliseconds in which all threads together copy `copyBytes` each. */
  copy(): Promise<number>;
  end(): Promise<void>;
}

/** What each thread copies: more than caches hold. */
export const copyBytes = 2 ** 26;

export function openProbes(threads: number): Probes {
  const probes = Array.from({ length: threads }, () => startProbe(chainCounts.map(multiplyAddModule)));
  const spans = (work: Parameters<ProbeThread["measure"]>[0]) =>
    Promise.all(probes.map((probe) => probe.measure(work)));
  const rounds = 3e6;
  const copies = 8;
  return {
    async multiplyAdd(loop) {
      const found = await spans({ loop, rounds, copies: 0 });
      return (threads * rounds * chainCounts[loop] * 8) / Math.max(...found.map((s) => s.end - s.begin)) / 1e6;
    },
    async copy() {
      // Not the time of each: threads share the memory, and one that has it alone is faster.
      const found = await spans({ loop: 0, rounds: 0, copies });
      return (Math.max(...found.map((s) => s.end)) - Math.min(...found.map((s) => s.begin))) / copies;
    },
    end: async () => void (await Promise.all(probes.map((probe) => probe.end()))),
  };
}

/** Bytes read and written by so many threads that take so long for a copy each. */
export const copySpeed = (threads: number, ms: number): number => (threads * 2 * copyBytes) / ms / 1e6;

/** Measures what `threads` threads can compute in registers and copy in memory: the best of several short runs. */
export async function measureLimits(threads: number, runs = 12): Promise<Limits> {
  const probes = openProbes(threads);
  let [simdGflops, copyGigabytesPerSecond] = [0, 0];
  try {
    for (let run = 0; run < runs; run++) {
      for (const loop of chainCounts.keys()) simdGflops = Math.max(simdGflops, await probes.multiplyAdd(loop));
      copyGigabytesPerSecond = Math.max(copyGigabytesPerSecond, copySpeed(threads, await probes.copy()));
    }
    return { threads, simdGflops, copyGigabytesPerSecond };
  } finally {
    await probes.end();
  }
}
