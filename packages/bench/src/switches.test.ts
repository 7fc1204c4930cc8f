import {
  compile,
  defaultOptions,
  without,
  type Backend,
  type Graph,
  type HostTensor,
  type Options,
} from "@tessera/kernels";
import { componentGraph, diffusersNames, parseUNetConfig, parseVaeConfig } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { backends, fixture, fixtureJson } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { psnr } from "./metrics/psnr.ts";

const expected = fixture("tiny-sd/expected.safetensors");
const unet = {
  graph: componentGraph(
    { component: "unet", config: parseUNetConfig(fixtureJson("tiny-sd/unet/config.json")) },
    { height: 16, width: 16 },
  ),
  weights: diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors")),
};
const decoder = {
  graph: componentGraph(
    { component: "vae_decoder", config: parseVaeConfig(fixtureJson("tiny-sd/vae/config.json")) },
    { height: 16, width: 16 },
  ),
  weights: diffusersNames(fixture("tiny-sd/vae/diffusion_pytorch_model.safetensors")),
};

/** No pass, no shared memory, and of each ladder only the plainest kernel. */
const allOff = ({ ladders }: Backend): Options =>
  without(
    "greedy",
    ...Object.keys(defaultOptions.passes),
    ...Object.values(ladders).flatMap((ladder) => ladder.slice(0, -1).map(({ name }) => name)),
  );

const found = (await backends()).filter(({ name }) => name !== "reference");
describe.each(found)("on $name", ({ open }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  async function run(
    { graph, weights }: { graph: Graph; weights: WeightSource },
    inputs: Record<string, HostTensor>,
    options: Options,
  ) {
    const program = await compile(graph, backend, { weights, options });
    const { sample } = await program.run(inputs);
    const numbers = await sample.read();
    program.dispose();
    return { numbers, kernels: new Set(program.plan.calls.map(({ kernel }) => kernel.name)) };
  }

  /** A step of the network, and the picture that the decoder makes of it. */
  async function picture(options: Options) {
    const sample = await expected.numbers("unet.16x16.sample");
    const inputs = { sample, timestep: [501], encoder_hidden_states: await expected.numbers("pipe.cond") };
    const noise = await run(unet, inputs, options);
    const latents = sample.map((x, i) => x - noise.numbers[i] / 2);
    const decoded = await run(decoder, { latents }, options);
    return { pixels: decoded.numbers, kernels: new Set([...noise.kernels, ...decoded.kernels]) };
  }

  test("with all switches on and with all off the picture is the same", { timeout: 600_000 }, async () => {
    const [on, off] = [await picture(defaultOptions), await picture(allOff(backend))];
    expect([...on.kernels].filter((name) => !off.kernels.has(name)).length).toBeGreaterThan(0);
    expect(psnr(on.pixels, off.pixels, { range: 2 })).toBeGreaterThan(45);
  });
});
