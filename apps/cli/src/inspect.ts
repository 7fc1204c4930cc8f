import { existsSync } from "node:fs";
import {
  countMacs,
  countParameters,
  defaultOptions,
  planFor,
  printPlan,
  type Graph,
  type Tensor,
} from "@tessera/kernels";
import { architecture, architectureNames, type Networks } from "@tessera/models";
import { openNetworks, type OpenNetworks } from "@tessera/pipelines/node";
import type { Command } from "commander";
import { asJson } from "./asJson.ts";
import { UserError } from "./UserError.ts";
import { command, pictureSize, withBackend, wholeNumber, type SharedOptions, type Surroundings } from "./options.ts";

interface InspectOptions extends SharedOptions {
  readonly component?: string;
  readonly size?: { width: number; height: number };
  readonly depth: number;
  readonly plan: boolean;
}

/** `tessera inspect`: what a model is made of and what it costs, without running it. */
export function inspectCommand({ signal }: Surroundings): Command {
  return command("inspect", "show a model's parameters, multiply-adds, memory and kernels", { backend: "wasm" })
    .argument("<model>", `checkpoint (weights need not be there), or ${architectureNames.join(", ")}`)
    .option("--component <name>", "only this network: unet, say")
    .option(
      "--size <pixels>",
      "the picture's size: 512, or 512x768 (default: what the model was trained at)",
      pictureSize,
    )
    .option("--depth <n>", "how deep the layer table goes", wholeNumber(1), 2)
    .option("--plan", "print every call: kernel, shape, memory, and why no other kernel", false)
    .action(async (model: string, options: InspectOptions) => {
      const { networks, weights, close } = await open(model);
      try {
        await withBackend(options, async ({ backend }) => {
          const reports: Record<string, object> = {};
          const text: string[] = [];
          for (const [component, graph] of graphsOf(networks, model, options)) {
            signal.throwIfAborted();
            const source = await weights(component).catch(() => undefined);
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
          console.log(options.json ? asJson(result) : text.join("\n").trimEnd());
        });
      } finally {
        await close();
      }
    });
}

/** A checkpoint's networks, or those of an architecture, which has no weights. */
async function open(model: string): Promise<Pick<OpenNetworks, "networks" | "weights" | "close">> {
  const networks = architecture(model);
  if (!networks) {
    if (existsSync(model)) return openNetworks(model);
    throw new UserError(
      `There is no file or folder ${model}, and the architectures are ${architectureNames.join(", ")}.`,
    );
  }
  return {
    networks,
    weights: () => Promise.reject(new Error("an architecture has no weights")),
    close: async () => {},
  };
}

/** The graphs of the component asked for, or of all, for pictures of the size asked for, or of what the UNet was trained at. */
function graphsOf(networks: Networks, model: string, { component, size }: InspectOptions): [name: string, Graph][] {
  const names = Object.keys(networks).filter((name) => component === undefined || name === component);
  if (!names.length) throw new UserError(`${model} has no ${component}. It has ${Object.keys(networks).join(", ")}.`);
  const factor = pixelsPerLatent(networks);
  const [, , height, width] = networks.unet?.graph().inputs.get("sample")!.shape ?? [];
  const trained = networks.unet && { width: width * factor, height: height * factor };
  const pixels = size ?? trained;
  const latents = pixels && { width: Math.ceil(pixels.width / factor), height: Math.ceil(pixels.height / factor) };
  return names.map((name) => [name, networks[name].graph(name === "vae_encoder" ? pixels : latents)]);
}

/** Per side; 1 for models of pixels. */
function pixelsPerLatent({ vae_encoder, controlnet }: Networks): number {
  const { inputs, outputs } = (vae_encoder ?? controlnet)?.graph() ?? {};
  const [picture, latents] = [inputs?.get("controlnet_cond") ?? inputs?.get("sample"), outputs?.get("moments") ?? inputs?.get("sample")]; // prettier-ignore
  return picture && latents ? picture.shape[2] / latents.shape[2] : 1;
}

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
