import { compile, WeightError, type Graph } from "@tessera/kernels";
import { architectureNames, type Network } from "@tessera/models";
import { openNetworks, type OpenNetworks } from "@tessera/pipelines/node";
import { toFloat32, toInt32, type TensorInfo, type WeightSource } from "@tessera/safetensors";
import { fileSource, writeSafetensorsFile } from "@tessera/safetensors/node";
import type { Command } from "commander";
import { asJson } from "./asJson.ts";
import { checkTarget } from "./checkTarget.ts";
import { command, withBackend, type SharedOptions, type Surroundings } from "./options.ts";
import { progressDisplay } from "./progressDisplay.ts";
import { UserError } from "./UserError.ts";

interface RunOptions extends SharedOptions {
  readonly model: string;
  readonly architecture?: string;
  readonly component?: string;
  readonly inputs: string;
  readonly outputs: string;
}

/** `tessera run`: one network on named tensors, to compare it with another implementation. */
export function runCommand({ signal }: Surroundings): Command {
  return command("run", "run one network of a checkpoint on tensors from a file")
    .requiredOption("--model <path>", "checkpoint: a directory, or a .safetensors file")
    .option("--architecture <name>", "what the weights are of, if no config.json says it (see below)")
    .option("--component <name>", "which network, if the checkpoint has several (see below)")
    .requiredOption("--inputs <file>", "safetensors file of its inputs, under diffusers' names")
    .requiredOption("--outputs <file>", "safetensors file to write its outputs to")
    .addHelpText("after", help)
    .action(async (options: RunOptions) => {
      await checkTarget(options.outputs);
      const display = progressDisplay();
      const opened = await openNetworks(options.model, options.architecture);
      let inputs: WeightSource | undefined;
      try {
        inputs = await fileSource(options.inputs);
        const component = chosen(opened, options);
        const graph = graphFor(opened.networks[component], component, inputs, options.inputs);
        const given = await readInputs(graph, inputs);
        const weights = await opened.weights(component);
        await withBackend(options, async ({ backend, reason }) => {
          const started = performance.now();
          const program = await compile(graph, backend, {
            weights,
            signal,
            onProgress: ({ phase, done, total }) =>
              display.onProgress({ phase: "load", step: done, total, detail: `${component} ${phase}` }),
          }).catch((error: unknown) => {
            if (!(error instanceof WeightError)) throw error;
            throw new UserError(`${options.model}: ${error.message}`);
          });
          const loaded = performance.now();
          const outputs = Object.entries(await program.run(given, { signal }));
          const read = await Promise.all(
            outputs.map(async ([name, t]) => ({ name, shape: t.shape, data: await t.read() })),
          );
          const timings = { loadMs: loaded - started, runMs: performance.now() - loaded };
          program.dispose();
          display.stop();
          await writeSafetensorsFile(
            options.outputs,
            Object.fromEntries(
              read.map(({ name, shape, data }) => [name, { dtype: "F32", shape, data: bytes(data) }] as const),
            ),
          );
          const summary = read.map(({ name, shape, data }) => ({ name, shape, ...statistics(data) }));
          if (options.json) {
            const { name, description } = backend;
            const result = { outputs: summary, file: options.outputs, timings, backend: { name, description, reason } };
            return console.log(asJson(result));
          }
          for (const { name, shape, min, max, mean } of summary)
            console.log(
              `${name} [${shape.join(" ")}]  min ${min.toPrecision(5)}  max ${max.toPrecision(5)}  mean ${mean.toPrecision(5)}`,
            );
          console.log(
            `${options.outputs}: load ${timings.loadMs.toFixed(0)} ms, run ${timings.runMs.toFixed(0)} ms, ${backend.description}`,
          );
        });
      } finally {
        display.stop();
        await inputs?.close?.();
        await opened.close();
      }
    });
}

const help = `
Components and their inputs:
  text_encoder: input_ids [n t]
  unet: sample [n c h w], timestep [n], encoder_hidden_states [n s e]
  unet of DDPM and progressive distillation, on pixels: sample [n c h w], timestep [n]
  controlnet: sample [n c h w], timestep [n], encoder_hidden_states [n s e], controlnet_cond [1 3 H W], conditioning_scale [1]
  vae_encoder: sample [n c h w]
  vae_decoder, vae_decoder_lite (MobileDiffusion), decoder (TAESD): latents [n c h w]
  generator (GauGAN): segmentation [n c h w], a plane for each label, then edges

Architectures:
  ${architectureNames.join(", ")}`;

const signature = ({ inputs }: Network): string =>
  Object.entries(inputs)
    .map(([name, dims]) => `${name} [${dims}]`)
    .join(", ");

/** Names in a sentence, which a checkpoint given by mistake would fill with hundreds. */
const some = (names: readonly string[], most = 8): string =>
  names.length <= most ? names.join(", ") : `${names.slice(0, most).join(", ")} and ${names.length - most} more`;

const show = ({ shape }: Pick<TensorInfo, "shape">): string => `[${shape.join(" ")}]`;
const bytes = (data: Float32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** The component asked for, or the only one. */
function chosen({ location, networks }: OpenNetworks, { component }: RunOptions): string {
  const names = Object.keys(networks);
  if (component === undefined && names.length === 1) return names[0];
  if (component === undefined) throw new UserError(`${location} has ${names.join(", ")}. Say which with --component.`);
  if (Object.hasOwn(networks, component)) return component;
  throw new UserError(`${location} has no ${component}. It has ${names.join(", ")}.`);
}

/** The network's graph for the sizes of the inputs, whose names and shapes are checked: all differences at once. */
function graphFor(network: Network, component: string, inputs: WeightSource, file: string): Graph {
  const takes = `${component} takes ${signature(network)}`;
  const wanted = Object.keys(network.inputs);
  const given = [...inputs.names()];
  const missing = wanted.filter((name) => !given.includes(name));
  const unexpected = given.filter((name) => !wanted.includes(name));
  if (missing.length || unexpected.length) {
    const lists = { missing, unexpected };
    const what = Object.entries(lists).flatMap(([how, names]) => (names.length ? [`${how} ${some(names)}`] : []));
    throw new UserError(`${file}: ${what.join("; ")}. ${takes}.`);
  }
  const sizes: Record<string, number> = {};
  for (const [name, dims] of Object.entries(network.inputs)) {
    const { shape } = inputs.info(name)!;
    const letters = dims.split(" ");
    const isScalarTimestep = name === "timestep" && shape.length === 0;
    if (shape.length !== letters.length && !isScalarTimestep)
      throw new UserError(`${file}: ${name} has shape ${show({ shape })}, expected [${dims}]. ${takes}.`);
    if (name !== "timestep") letters.forEach((letter, d) => (sizes[letter] ??= shape[d]));
  }
  const graph = network.graph({ batch: sizes.n, height: sizes.h, width: sizes.w, tokens: sizes.s });
  for (const name of wanted) {
    const { shape } = inputs.info(name)!;
    const want = graph.inputs.get(name)!;
    const fits = name === "timestep" ? [1, want.elements].includes(shape[0] ?? 1) : shape.join() === want.shape.join();
    if (!fits)
      throw new UserError(`${file}: ${name} has shape ${show({ shape })}, but this ${component} takes ${show(want)}.`);
  }
  return graph;
}

async function readInputs(graph: Graph, inputs: WeightSource): Promise<Record<string, Float32Array | Int32Array>> {
  const read = [...graph.inputs].map(async ([name, { dtype, elements }]) => {
    const tensor = await inputs.get(name);
    const values = dtype === "i32" ? toInt32(tensor) : toFloat32(tensor);
    return [name, values.length === elements ? values : new Float32Array(elements).fill(values[0])] as const;
  });
  return Object.fromEntries(await Promise.all(read));
}

function statistics(data: Float32Array): { min: number; max: number; mean: number } {
  let [min, max, sum] = [Infinity, -Infinity, 0];
  for (const x of data) {
    if (!(x >= min)) min = x;
    if (!(x <= max)) max = x;
    sum += x;
  }
  return { min, max, mean: sum / data.length };
}
