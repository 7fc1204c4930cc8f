import type { WeightSource } from "@tessera/safetensors";
import { ShapeError } from "./graph/errors.ts";
import type { Graph } from "./graph/graph.ts";
import type { Pass } from "./graph/rewrite.ts";
import type { Tensor } from "./graph/tensor.ts";
import { defaultOptions, type Options, type PassName } from "./options.ts";
import type { OpName } from "./ops/opName.ts";
import { absorb } from "./passes/absorb.ts";
import { bands } from "./passes/bands.ts";
import { simplify } from "./passes/simplify.ts";
import { geglu } from "./passes/windows/geglu.ts";
import { groupNorm } from "./passes/windows/groupNorm.ts";
import type { Backend, RecordOptions } from "./plan/backend.ts";
import { bind } from "./plan/bind.ts";
import type { WeightDtype } from "./plan/kernel.ts";
import { plan, type Plan } from "./plan/plan.ts";
import type { Program } from "./plan/program.ts";
import { tune } from "./plan/tune.ts";
import { tuned, type Tuning } from "./plan/tuning.ts";

export interface CompileOptions extends RecordOptions {
  /** Where the graph's parameters come from; not needed if it has none. */
  readonly weights?: WeightSource;
  readonly options?: Options;
  /** Measured choices of kernels, see `Tuning`; by default the backend's own, if it is `tuned`. */
  readonly tuning?: Tuning;
}

/** The passes in order, those that are switched off left out; `bands` is no choice but what a device's limits need. */
export function passes(
  {
    maxBindings,
    maxTensorBytes,
    ladders,
  }: Pick<Backend, "maxBindings"> & Partial<Pick<Backend, "ladders" | "maxTensorBytes">>,
  options: Options = defaultOptions,
): Pass[] {
  const computes = (op: OpName) => Boolean(ladders?.[op]?.length);
  const has = { gated: computes("gated"), gatedLinear: computes("gatedLinear") };
  const all: Record<PassName | "bands", Pass | false> = {
    simplify: simplify(),
    absorb: absorb(maxBindings),
    geglu: (has.gated || has.gatedLinear) && geglu(has),
    bands: maxTensorBytes !== undefined && bands(maxTensorBytes),
    groupNorm: computes("groupNorm") && groupNorm(),
  };
  const isOn = { ...options.passes, bands: true };
  return Object.values(all).filter((p) => p && isOn[p.name as PassName]) as Pass[];
}

/** From a model's graph to the printable plan: passes, kernels, memory. Needs no weights and no device memory. */
export function planFor(
  graph: Graph,
  backend: Backend,
  options: Options = defaultOptions,
  stored?: (param: Tensor) => WeightDtype,
  bound?: readonly string[],
): Plan {
  const lowered = passes(backend, options).reduce((g, p) => p.apply(g), graph);
  return plan(lowered, backend, options, stored, bound);
}

/**
 * From a model's graph to a program on a device: bind, passes, kernels, memory, weights, code. If `tuning` measures, kernels
 * that it has no times of are timed first, which takes up to a second for each op and shape.
 */
export async function compile(
  graph: Graph,
  backend: Backend,
  { weights = noWeights, options = defaultOptions, tuning = backend.tuning, ...recording }: CompileOptions = {},
): Promise<Program> {
  bind(graph, weights);
  const stored = (param: Tensor): WeightDtype => (weights.info(param.path)?.dtype === "F16" ? "f16" : "f32");
  const { bound = {} } = recording;
  for (const [name, { shape }] of Object.entries(bound))
    if (graph.inputs.get(name)?.shape.join() !== shape.join())
      throw new ShapeError(`compile: ${name} [${shape.join(" ")}] cannot be bound: the graph has no such input.`);
  const target = tuning ? tuned(backend, tuning) : backend;
  const planned = () => planFor(graph, target, options, stored, Object.keys(bound));
  if (tuning?.measures) await tune(planned(), target, tuning, recording);
  return backend.record(planned(), weights, recording);
}

const noWeights: WeightSource = {
  names: () => [],
  info: () => undefined,
  get: (name) => Promise.reject(new Error(`compile: parameter ${name} was asked for, but no weights were given.`)),
};
