import { compile, type Graph } from "@tessera/kernels";
import {
  componentGraph,
  parseClipTextConfig,
  parseUNetConfig,
  parseVaeConfig,
  type ComponentConfig,
} from "@tessera/models";
import { components, partOf, type Component } from "@tessera/pipelines";
import { openCheckpoint, openControlNet } from "@tessera/pipelines/node";
import { toFloat32, toInt32, type TensorInfo, type WeightSource } from "@tessera/safetensors";
import { fileSource, writeSafetensorsFile } from "@tessera/safetensors/node";
import { Option, type Command } from "commander";
import { command, withBackend, type SharedOptions, type Surroundings } from "./options.ts";
import { progressDisplay } from "./progressDisplay.ts";
import { UserError } from "./UserError.ts";

interface RunOptions extends SharedOptions {
  readonly model: string;
  readonly component: Runnable;
  readonly inputs: string;
  readonly outputs: string;
}

const runnable = [...components, "controlnet"] as const;
type Runnable = Component | "controlnet";

/** Inputs of each component and the letters of their sizes. */
const expected: Record<Runnable, Record<string, string>> = {
  text_encoder: { input_ids: "n t" },
  unet: { sample: "n c h w", timestep: "n", encoder_hidden_states: "n s e" },
  vae_encoder: { sample: "n c h w" },
  vae_decoder: { latents: "n c h w" },
  controlnet: {
    sample: "n c h w",
    timestep: "n",
    encoder_hidden_states: "n s e",
    controlnet_cond: "1 3 H W",
    conditioning_scale: "1",
  },
};

/** What a network is made from. */
interface Opened {
  config(): Promise<unknown>;
  weights(): Promise<WeightSource>;
  close(): Promise<void>;
}

async function open({ model, component }: RunOptions): Promise<Opened> {
  if (component === "controlnet") {
    const { config, weights } = await openControlNet(model);
    return { config: async () => config, weights: async () => weights, close: async () => weights.close?.() };
  }
  const checkpoint = await openCheckpoint(model);
  const part = partOf(component);
  return {
    config: () => checkpoint.config(part),
    weights: () => checkpoint.weights(part),
    close: () => checkpoint.close(),
  };
}

/** `tessera run`: one network on named tensors, to compare it with another implementation. */
export function runCommand({ signal }: Surroundings): Command {
  return command("run", "run one network of a checkpoint on tensors from a file")
    .requiredOption("--model <path>", "checkpoint: a directory in diffusers' layout, or a .safetensors file")
    .addOption(new Option("--component <name>", "which network").choices(runnable).makeOptionMandatory())
    .requiredOption("--inputs <file>", "safetensors file of its inputs, under diffusers' names")
    .requiredOption("--outputs <file>", "safetensors file to write its outputs to")
    .addHelpText("after", `\nInputs:\n${runnable.map((c) => `  ${c}: ${signature(c)}`).join("\n")}`)
    .action(async (options: RunOptions) => {
      const display = progressDisplay();
      const opened = await open(options);
      const inputs = await fileSource(options.inputs);
      try {
        checkNames(options, inputs);
        const graph = await graphFor(options, await opened.config(), inputs);
        const given = await readInputs(graph, inputs);
        const weights = await opened.weights();
        await withBackend(options, async ({ backend, reason }) => {
          const started = performance.now();
          const program = await compile(graph, backend, {
            weights,
            signal,
            onProgress: ({ phase, done, total }) =>
              display.onProgress({ phase: "load", step: done, total, detail: `${options.component} ${phase}` }),
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
            console.log(
              JSON.stringify(
                { outputs: summary, file: options.outputs, timings, backend: { name, description, reason } },
                null,
                2,
              ),
            );
            return;
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
        await inputs.close?.();
        await opened.close();
      }
    });
}

const signature = (component: Runnable): string =>
  Object.entries(expected[component])
    .map(([name, dims]) => `${name} [${dims}]`)
    .join(", ");

const show = ({ shape }: Pick<TensorInfo, "shape">): string => `[${shape.join(" ")}]`;
const bytes = (data: Float32Array): Uint8Array => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** All differences between the names given and expected, at once. */
function checkNames({ component, inputs: file }: RunOptions, inputs: WeightSource): void {
  const wanted = Object.keys(expected[component]);
  const given = [...inputs.names()];
  const missing = wanted.filter((name) => !given.includes(name));
  const unexpected = given.filter((name) => !wanted.includes(name));
  if (!missing.length && !unexpected.length) return;
  const what = [
    ...(missing.length ? [`missing ${missing.join(", ")}`] : []),
    ...(unexpected.length ? [`unexpected ${unexpected.join(", ")}`] : []),
  ].join("; ");
  throw new UserError(`${file}: ${what}. ${component} takes ${signature(component)}.`);
}

/** The component's graph for the sizes of the inputs, which are checked against it. */
async function graphFor({ component, inputs: file }: RunOptions, json: unknown, inputs: WeightSource): Promise<Graph> {
  const names = Object.entries(expected[component]);
  const sizes: Record<string, number> = {};
  for (const [name, dims] of names) {
    const { shape } = inputs.info(name)!;
    const letters = dims.split(" ");
    const isScalarTimestep = name === "timestep" && shape.length === 0;
    if (shape.length !== letters.length && !isScalarTimestep)
      throw new UserError(
        `${file}: ${name} has shape ${show({ shape })}, expected [${dims}]. ${component} takes ${signature(component)}.`,
      );
    if (name !== "timestep") letters.forEach((letter, d) => (sizes[letter] ??= shape[d]));
  }
  const parsed = (
    component === "text_encoder"
      ? { component, config: parseClipTextConfig(json) }
      : component === "unet"
        ? { component, config: parseUNetConfig(json) }
        : component === "controlnet"
          ? { component, config: json }
          : { component, config: parseVaeConfig(json) }
  ) as ComponentConfig;
  const graph = componentGraph(parsed, { batch: sizes.n, height: sizes.h, width: sizes.w, tokens: sizes.s });
  for (const [name] of names) {
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
