import { defaultOptions, Graph, planFor, without, type Backend, type Options } from "@tessera/kernels";
import { nullBackend } from "@tessera/kernels/null";
import { wasm } from "@tessera/kernels/wasm";
import { componentGraph, diffusersNames, parseUNetConfig, resnetBlock, sd15, transformer } from "@tessera/models";
import type { WeightSource } from "@tessera/safetensors";
import { backends, fixture, fixtureJson } from "@tessera/testing";
import { expect, test } from "vitest";
import { ablate, switches } from "./ablate.ts";
import { agreement } from "./agree.ts";
import { randomInputs, randomWeights } from "./randomNumbers.ts";
import type { AblationRow } from "./result.ts";

const config = parseUNetConfig(fixtureJson("tiny-sd/unet/config.json"));
const graph = componentGraph({ component: "unet", config }, { height: 8, width: 8 });
const half = diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors"));

async function table(graph: Graph, backend: Backend, weights: WeightSource): Promise<Record<string, AblationRow>> {
  const rows: Record<string, AblationRow> = {};
  for await (const row of ablate(graph, { backend, weights, inputs: randomInputs(graph), repeat: 2, alone: true }))
    rows[row.setting === "false" || rows[row.option] === undefined ? row.option : `${row.option}=${row.setting}`] = row;
  expect(backend.liveBytes).toBe(0);
  await backend.dispose();
  return rows;
}

test("every key of the options has a row on a backend that only plans, and the rows count", async () => {
  const rows = await table(graph, nullBackend(), half);
  const passes = Object.keys(defaultOptions.passes).map((name) => `passes.${name}`);
  expect(Object.keys(rows)).toEqual(expect.arrayContaining(["all", ...passes, "memory", "none"]));
  const { all, none } = rows;
  expect(rows["passes.absorb"].without.calls).toBeGreaterThan(all.without.calls);
  expect(rows.memory.without.activationBytes).toBeGreaterThan(all.without.activationBytes);
  expect(none.without.calls).toBeGreaterThanOrEqual(rows["passes.absorb"].without.calls);
  expect(none.without.activationBytes).toBeGreaterThanOrEqual(rows.memory.without.activationBytes);
  expect(rows.memory.alone!.activationBytes).toBeLessThan(none.without.activationBytes);
  expect(all.without.dispatches).toBe(all.without.calls); // a backend without kernels of several
});

const webgpu = (await backends()).find(({ name }) => name === "webgpu");

test.runIf(webgpu)(
  "on webgpu norms in one call, windows and Winograd have rows, and save what they should",
  async () => {
    const graph = new Graph(); // large enough for Winograd
    const x = graph.input("x", [1, 16, 32, 32]);
    graph.output("y", resnetBlock(graph.scope().at("resnet"), x, 16, { groups: 4, eps: 1e-5 }));
    const rows = await table(graph, await webgpu!.open(), randomWeights(graph));
    for (const { option, without, alone } of Object.values(rows)) {
      expect(without.difference, option).toBeLessThan(agreement);
      expect(alone?.difference ?? 0, option).toBeLessThan(agreement);
    }
    const { all, none } = rows;
    expect(Object.keys(rows)).toContain("kernels.conv2d.winograd4");
    expect(all.without.dispatches).toBeGreaterThan(all.without.calls); // Winograd takes three for a call
    expect(rows["passes.groupNorm"].without.calls).toBeGreaterThan(all.without.calls);
    expect(rows["kernels.conv2d.winograd4"].without.weightBytes).toBeLessThan(all.without.weightBytes);
    expect(rows["passes.absorb"].alone!.dispatches).toBeLessThan(none.without.dispatches);
  },
);

test("on wasm each kernel that another can stand in for has a row, and all agree", async () => {
  const block = new Graph(); // a residual block and a transformer, to compile it a dozen times
  const [p, options] = [block.scope(), { heads: 2, groups: 4, linearProjection: false }];
  const h = resnetBlock(p.at("resnet"), block.input("x", [1, 16, 8, 8]), 16, { groups: 4, eps: 1e-5 });
  block.output("y", transformer(p.at("attention"), h, block.input("context", [1, 5, 12]), options));
  const rows = await table(block, await wasm({ threads: 0 }), randomWeights(block));
  expect(Object.keys(rows).filter((option) => option.startsWith("kernels.")).length).toBeGreaterThan(0);
  expect(rows["dtype.weights"].without.weightBytes).toBeGreaterThan(rows.all.without.weightBytes);
  for (const { option, without } of Object.values(rows)) expect(without.difference, option).toBeLessThan(agreement);
});

test("a kernel that is the last of its ladder is no switch", () => {
  const backend = nullBackend();
  const plan = planFor(graph, backend);
  expect(switches(plan, () => true).some(({ option }) => option === "kernels.null")).toBe(true);
  expect(switches(plan, () => false).some(({ option }) => option.startsWith("kernels."))).toBe(false);
});

test("the switches of Stable Diffusion 1.5 on wasm, each by the name that `without` takes", async () => {
  const backend = await wasm({ threads: 0 });
  const graph = componentGraph({ component: "unet", config: sd15.unet }, { height: 32, width: 32 });
  const plans = (options: Options) => {
    try {
      return Boolean(planFor(graph, backend, options));
    } catch {
      return false;
    }
  };
  const found = switches(planFor(graph, backend), plans).filter(({ option }) => option !== "dtype.weights");
  const nameOf = (option: string) => (option === "memory" ? "greedy" : option.replace(/^(passes|kernels)\./, ""));
  for (const { option, apply } of found) expect(apply(defaultOptions)).toEqual(without(nameOf(option)));
  expect(found.map(({ option }) => nameOf(option))).toMatchInlineSnapshot(`
    [
      "simplify",
      "absorb",
      "geglu",
      "groupNorm",
      "greedy",
      "fma",
      "linear.gemm[2x16]",
      "conv2d.winograd4",
      "conv2d.gemm[2x16]",
      "conv2d.winograd2",
    ]
  `);
  await backend.dispose();
});
