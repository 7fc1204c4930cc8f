import {
  countMacs,
  countParameters,
  defaultOptions,
  planFor,
  printPlan,
  type Graph,
  type Tensor,
} from "@tessera/kernels";
import {
  architecture,
  architectures,
  componentGraph,
  parametrisedArchitectures,
  parseClipTextConfig,
  parseUNetConfig,
  parseVaeConfig,
  sd15,
  vaeFactor,
  type Part,
} from "@tessera/models";
import { components, partOf, type Component } from "@tessera/pipelines";
import { openCheckpoint } from "@tessera/pipelines/node";
import type { WeightSource } from "@tessera/safetensors";
import { Option, type Command } from "commander";
import { UserError } from "./UserError.ts";
import { command, pictureSize, withBackend, wholeNumber, type SharedOptions, type Surroundings } from "./options.ts";

interface InspectOptions extends SharedOptions {
  readonly component?: Component;
  readonly size?: { width: number; height: number };
  readonly depth: number;
  readonly plan: boolean;
}

/** Architectures whose size can be chosen; the others are in the table of @tessera/models. */
const builtIn: Record<string, Record<Part, unknown>> = { sd15 };

const names = [
  ...Object.keys({ ...builtIn, ...architectures }),
  ...Object.keys(parametrisedArchitectures).map((name) => `${name}:CONFIG`),
];

/** `tessera inspect`: what a model is made of and what it costs, without running it. */
export function inspectCommand({ signal }: Surroundings): Command {
  return command("inspect", "show a model's parameters, multiply-adds, memory and kernels", { backend: "wasm" })
    .argument("<model>", `checkpoint (weights need not be there), or ${names.join(", ")}`)
    .addOption(new Option("--component <name>", "only this network").choices(components))
    .option(
      "--size <pixels>",
      "the picture's size: 512, or 512x768 (default: what the model was trained at)",
      pictureSize,
    )
    .option("--depth <n>", "how deep the layer table goes", wholeNumber(1), 2)
    .option("--plan", "print every call: kernel, shape, memory, and why no other kernel", false)
    .action(async (model: string, options: InspectOptions) => {
      const { graphs, weights, close } = openArchitecture(model, options) ?? (await open(model, options));
      try {
        await withBackend(options, async ({ backend }) => {
          const reports: Record<string, object> = {};
          const text: string[] = [];
          for (const [component, graph] of graphs) {
            signal.throwIfAborted();
            const source = await weights(component);
            const stored = (t: Tensor) => (source?.info(t.path)?.dtype === "F16" ? "f16" : "f32");
            const plan = planFor(graph, backend, defaultOptions, stored);
            const layers = layerTable(graph, options.depth);
            const report = {
              parameters: countParameters(graph),
              macs: macsOf(graph),
              weightBytes: plan.weightBytes,
              activationBytes: plan.memory.bytes,
              lowerBoundBytes: plan.memory.lowerBoundBytes,
              naiveBytes: plan.memory.naiveBytes,
              inputs: shapes(graph.inputs),
              outputs: shapes(graph.outputs),
            };
            const printed = options.plan ? printPlan(plan) : undefined;
            reports[component] = { ...report, layers, ...(printed && { plan: printed.split("\n") }) };
            text.push(...describe(component, report, layers), ...(printed ? [printed, ""] : []));
          }
          const vae = ["vae_encoder", "vae_decoder"].map((name) => reports[name] as { parameters: number } | undefined);
          if (vae[0] && vae[1]) reports.vae = { parameters: vae[0].parameters + vae[1].parameters };
          const result = {
            model,
            backend: { name: backend.name, description: backend.description },
            components: reports,
          };
          console.log(options.json ? JSON.stringify(result, null, 2) : text.join("\n").trimEnd());
        });
      } finally {
        await close();
      }
    });
}

interface Opened {
  readonly graphs: readonly (readonly [component: string, graph: Graph])[];
  /** The weights' header, if there are any: it says how they are stored. */
  weights(component: string): Promise<WeightSource | undefined>;
  close(): Promise<void>;
}

/** An architecture of the table, if the model is one. */
function openArchitecture(model: string, { component, size }: InspectOptions): Opened | undefined {
  const networks = Object.hasOwn(builtIn, model) ? undefined : architecture(model);
  if (!networks) return undefined;
  if (size) throw new UserError(`${model} is counted at the size that it was trained at. Leave out --size.`);
  const graphs = Object.entries(networks).filter(([name]) => component === undefined || component === name);
  if (!graphs.length) throw new UserError(`${model} has no ${component}. It has ${Object.keys(networks).join(", ")}.`);
  return { graphs, weights: async () => undefined, close: async () => {} };
}

async function open(model: string, { component, size }: InspectOptions): Promise<Opened> {
  const chosen = component ? [component] : components;
  const checkpoint = Object.hasOwn(builtIn, model) ? undefined : await openCheckpoint(model);
  const config = async (part: Part) => (checkpoint ? checkpoint.config(part) : builtIn[model][part]);
  const build = async (component: Component): Promise<Graph> => {
    if (component === "text_encoder")
      return componentGraph({ component, config: parseClipTextConfig(await config("text_encoder")) });
    if (component === "unet") {
      const unet = parseUNetConfig(await config("unet"));
      const factor = size ? vaeFactor(parseVaeConfig(await config("vae"))) : 1;
      return componentGraph({ component, config: unet }, size && latentSize(size, factor));
    }
    const vae = parseVaeConfig(await config("vae"));
    const side = parseUNetConfig(await config("unet")).sample_size * vaeFactor(vae);
    const pixels = size ?? { width: side, height: side };
    return componentGraph(
      { component, config: vae },
      component === "vae_encoder" ? pixels : latentSize(pixels, vaeFactor(vae)),
    );
  };
  return {
    graphs: await Promise.all(chosen.map(async (component) => [component, await build(component)] as const)),
    weights: async (component) => checkpoint?.weights(partOf(component as Component)).catch(() => undefined),
    close: async () => checkpoint?.close(),
  };
}

const latentSize = ({ width, height }: { width: number; height: number }, factor: number) => ({
  width: Math.ceil(width / factor),
  height: Math.ceil(height / factor),
});

const shapes = (tensors: ReadonlyMap<string, Tensor>): Record<string, readonly number[]> =>
  Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape]));

interface Macs {
  readonly conv2d: number;
  readonly linear: number;
  readonly attention: number;
  readonly total: number;
}

function macsOf(graph: Graph): Macs {
  const { total, byOp } = countMacs(graph);
  const { conv2d = 0, linear = 0, attention = 0 } = byOp;
  return { conv2d, linear, attention, total };
}

interface Layer {
  readonly name: string;
  readonly parameters: number;
  readonly macs: number;
}

/** Parameters and multiply-adds by place in the model. */
function layerTable(graph: Graph, depth: number): Layer[] {
  const parameters: Record<string, number> = {};
  for (const t of graph.params.values()) {
    if (t.attrs.buffer) continue;
    const scope = t.path.split(".").slice(0, -1).slice(0, depth).join(".");
    parameters[scope] = (parameters[scope] ?? 0) + t.elements;
  }
  const { byScope } = countMacs(graph, depth);
  const names = new Set([...Object.keys(parameters), ...Object.keys(byScope)]);
  return [...names].map((name) => ({ name, parameters: parameters[name] ?? 0, macs: byScope[name] ?? 0 }));
}

interface Report {
  readonly parameters: number;
  readonly macs: Macs;
  readonly weightBytes: number;
  readonly activationBytes: number;
  readonly lowerBoundBytes: number;
  readonly naiveBytes: number;
  readonly inputs: Record<string, readonly number[]>;
  readonly outputs: Record<string, readonly number[]>;
}

function describe(component: string, report: Report, layers: readonly Layer[]): string[] {
  const n = (value: number) => value.toLocaleString("en-US");
  const g = (macs: number) => `${(macs / 1e9).toFixed(3)} G`;
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const { macs } = report;
  const list = (named: Record<string, readonly number[]>) =>
    Object.entries(named)
      .map(([name, shape]) => `${name} [${shape.join(" ")}]`)
      .join(", ");
  const width = Math.max(...layers.map(({ name }) => name.length));
  return [
    `${component}: ${list(report.inputs)} → ${list(report.outputs)}`,
    `  parameters     ${n(report.parameters)}`,
    `  multiply-adds  ${g(macs.total)} (convolution ${g(macs.conv2d)}, linear ${g(macs.linear)}, attention ${g(macs.attention)})`,
    `  weights        ${mib(report.weightBytes)}`,
    `  activations    ${mib(report.activationBytes)} (lower bound ${mib(report.lowerBoundBytes)}, naive ${mib(report.naiveBytes)})`,
    "",
    ...layers.map(
      ({ name, parameters, macs }) => `  ${name.padEnd(width)}  ${n(parameters).padStart(13)}  ${g(macs).padStart(11)}`,
    ),
    "",
  ];
}
