import type { Backend, Graph, HostTensor, Options } from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";
import { resident } from "./resident.ts";
import type { Profile, ProfileRow } from "./result.ts";
import { median } from "./stats.ts";

export interface ProfileOptions {
  readonly backend: Backend;
  readonly weights: WeightSource;
  readonly inputs: Readonly<Record<string, HostTensor>>;
  readonly options?: Options;
  /** Runs of which each call's median is taken. */
  readonly repeat: number;
  readonly signal?: AbortSignal;
}

/**
 * Where a run's time goes: a row for all calls of a kernel on the same shapes, dearest first. And what it holds in memory.
 *
 * @throws {Error} where the backend cannot time its calls
 */
export async function profile(
  graph: Graph,
  { repeat, ...options }: ProfileOptions,
): Promise<Pick<Profile, "rows" | "memory">> {
  const program = await resident(graph, options.backend, options.inputs, options);
  try {
    const runs: (readonly number[])[] = [];
    for (let run = 0; run < repeat; run++) await program.run((ms) => runs.push(ms));
    if (!runs.length)
      throw new Error(
        `profile: the ${options.backend.name} backend does not time its calls here; wasm does, and webgpu on devices with timestamps.`,
      );
    const rows = new Map<string, ProfileRow>();
    program.plan.calls.forEach(({ node, kernel }, i) => {
      const operands = Object.values(node.inputs).map((t) => t.shape.join("x"));
      const shapes = `${operands.join(" ")} -> ${node.shape.join("x")}`;
      const key = `${kernel.name} ${shapes} ${node.epilogue?.labels.join("+") ?? ""}`;
      const row = rows.get(key) ?? { kernel: kernel.name, shapes, path: node.path, calls: 0, ms: 0, macs: 0, bytes: 0 };
      const ms = row.ms + median(runs.map((times) => times[i]));
      const moved = [...node.reads, node].reduce((sum, t) => sum + 4 * t.elements, 0);
      const [macs, bytes] = [row.macs + node.op.macs(node), row.bytes + moved];
      rows.set(key, { ...row, calls: row.calls + 1, ms, macs, bytes });
    });
    const { weightBytes, memory } = program.plan;
    return {
      rows: [...rows.values()].sort((a, b) => b.ms - a.ms),
      memory: { weightBytes, activationBytes: memory.bytes, lowerBoundBytes: memory.lowerBoundBytes },
    };
  } finally {
    program.dispose();
  }
}
