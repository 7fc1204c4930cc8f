import {
  ablate,
  limitsOf,
  machine,
  randomInputs,
  sd15Ops,
  timeOps,
  type Ablation,
  type AblationRow,
  type Case,
  type Comparison,
} from "@tessera/bench";
import { componentGraph } from "@tessera/models";
import type { StableDiffusion } from "@tessera/pipelines";
import type { Progress } from "./engine.ts";

/** What to measure, as `tessera bench` takes it. */
export interface MeasureRequest {
  readonly what: "ops" | "ablation";
  /** Samples of each operator, or of each setting. */
  readonly repeat: number;
  /** Only operators whose name contains it. */
  readonly filter: string;
  /** The most that one operator may take. */
  readonly limitMs: number;
}

interface Watch {
  onProgress(progress: Omit<Progress, "liveBytes">): void;
  readonly signal: AbortSignal;
}

/** Measures on the device of a checkpoint; after each row, the result as far as it is there. */
export async function* measure(
  { backend, config, checkpoint }: StableDiffusion,
  { what, repeat, filter, limitMs }: MeasureRequest,
  { onProgress, signal }: Watch,
): AsyncGenerator<Comparison | Ablation> {
  const say = (detail: string, step = 0, total = 0) => onProgress({ phase: "measure", step, total, detail });
  const at = await machine(backend.description);
  if (what === "ops") {
    const ops = sd15Ops.filter(({ name }) => name.toLowerCase().includes(filter.toLowerCase()));
    if (!ops.length) throw new Error(`No operator's name contains "${filter}". One is "${sd15Ops[0].name}".`);
    say("what this device can do at most");
    const limits = await limitsOf(backend, backend.caps.threads);
    const cases: Case[] = [];
    const settings = { backend, limits, repeat, limitMs, signal };
    const told = { onProgress: (name: string) => say(name, cases.length, ops.length) };
    for await (const row of timeOps(ops, { ...settings, ...told })) {
      cases.push(row);
      told.onProgress(row.name);
      yield { kind: "comparison", machine: at, limits, cases, standings: [] };
    }
  } else {
    const graph = componentGraph({ component: "unet", config: config.unet });
    const inputs = randomInputs(graph);
    const settings = { backend, weights: await checkpoint.weights("unet"), inputs, repeat, alone: true, signal };
    const rows: AblationRow[] = [];
    for await (const row of ablate(graph, { ...settings, onProgress: (option) => say(option) })) {
      rows.push(row);
      yield { kind: "ablation", machine: at, model: "townscapes-sd unet", rows };
    }
  }
}
