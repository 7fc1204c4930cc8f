import type { Backend } from "@tessera/kernels";
import { cores, startProbe } from "#platform";
import type { Limits } from "./result.ts";

/** A thread that runs `rounds` of one of the loops of multiply-adds, then copies memory, and says how long that took. */
export interface ProbeThread {
  measure(work: { readonly loop: number; readonly rounds: number; readonly copies: number }): Promise<number>;
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

/** Measures what `threads` threads can compute in registers and copy in memory: the best of several short runs. */
export async function measureLimits(threads: number, runs = 12): Promise<Limits> {
  const codes = chainCounts.map(multiplyAddModule);
  const probes = Array.from({ length: threads }, () => startProbe(codes));
  const slowest = async (work: Parameters<ProbeThread["measure"]>[0]) =>
    Math.max(...(await Promise.all(probes.map((probe) => probe.measure(work)))));
  const [rounds, copies] = [3e6, 4];
  let [simdGflops, copyGigabytesPerSecond] = [0, 0];
  try {
    for (let run = 0; run < runs; run++) {
      for (const [loop, chains] of chainCounts.entries()) {
        const ms = await slowest({ loop, rounds, copies: 0 });
        simdGflops = Math.max(simdGflops, (threads * rounds * chains * 8) / ms / 1e6);
      }
      const ms = await slowest({ loop: 0, rounds: 0, copies });
      copyGigabytesPerSecond = Math.max(copyGigabytesPerSecond, (threads * copies * 2 * 2 ** 26) / ms / 1e6);
    }
    return { threads, simdGflops, copyGigabytesPerSecond };
  } finally {
    await Promise.all(probes.map((probe) => probe.end()));
  }
}
