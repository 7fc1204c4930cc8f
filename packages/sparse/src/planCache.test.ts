import { compile, countMacs } from "@tessera/kernels";
import { componentGraph, diffusersNames, parseUNetConfig, sd15 } from "@tessera/models";
import { backends, expectClose, fixture, fixtureJson } from "@tessera/testing";
import { expect, test } from "vitest";
import { planCache, printCachePlan } from "./planCache.ts";
import { recallGraph, recordGraph } from "./recall.ts";
import { sparsify } from "./sparsify.ts";

const config = parseUNetConfig(fixtureJson("tiny-sd/unet/config.json"));
const tiny = sparsify(componentGraph({ component: "unet", config }, { height: 16, width: 24 }), {
  edited: ["sample"],
  resolution: 4,
});

test("states that were kept, and those computed again from them, are those of the original", async () => {
  const weights = diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors"));
  const backend = await (await backends()).find(({ name }) => name === "wasm")!.open();
  const { full, states } = tiny;
  const inputs = Object.fromEntries(
    [...full.inputs].map(([name, { elements }]) => [
      name,
      Float32Array.from({ length: elements }, (_, i) => (name === "timestep" ? 501 : Math.sin(i * i))),
    ]),
  );
  const program = await compile(full, backend, { weights });
  const original = await program.run(inputs);
  const want = new Map<string, Float32Array>();
  for (const name of states) want.set(name, await original[name].read());
  const whole = countMacs(full).total;
  const { levels } = planCache(full, states, { evaluations: 1, budget: Infinity });
  const all = 2 ** levels.filter(({ height }) => height).length - 1;
  for (const keep of [0b001, 0b010, 0b101, all]) {
    const kept = levels.filter(({ height }, i) => !height || keep & (1 << i)).flatMap((level) => level.states);
    const [record, recall] = [recordGraph(full, kept), recallGraph(full, states, kept)];
    const [recording, recalling] = await Promise.all([record, recall].map((g) => compile(g, backend, { weights })));
    const rows = await recording.run(inputs);
    const given = Object.fromEntries([...recall.inputs.keys()].map((name) => [name, rows[name] ?? inputs[name]]));
    const recalled = await recalling.run(given);
    for (const name of states) expectClose(await recalled[name].read(), want.get(name)!, 1e-5, name);
    expect(countMacs(recall).total).toBeLessThan(keep === all ? 1 : whole);
    for (const each of [recording, recalling]) each.dispose();
  }
  program.dispose();
  expect(backend.liveBytes).toBe(0);
  await backend.dispose();
});

test("more memory never means more to compute again, and no budget is exceeded", () => {
  const { full, states } = tiny;
  const all = planCache(full, states, { evaluations: 6, budget: Infinity });
  expect(all).toMatchObject({ cached: 6, recomputedMacs: 0 });
  let before = Infinity;
  for (let share = 0; share <= 1; share += 0.125) {
    const plan = planCache(full, states, { evaluations: 6, budget: share * all.bytes });
    expect(plan.bytes).toBeLessThanOrEqual(share * all.bytes);
    expect(plan.recomputedMacs).toBeLessThanOrEqual(before);
    before = plan.recomputedMacs;
  }
  expect(planCache(full, states, { evaluations: 6, budget: 0 })).toMatchObject({ bytes: 0, cached: 0, kept: [] });
  expect(before).toBe(0);
});

test("the trade prints: Stable Diffusion's UNet, 24 evaluations in 2 GiB", () => {
  const graph = componentGraph({ component: "unet", config: sd15.unet });
  const { full, states } = sparsify(graph, { edited: ["sample"], resolution: 8 });
  const plan = planCache(full, states, { evaluations: 24, budget: 2 ** 31 });
  expect(printCachePlan(plan)).toMatchInlineSnapshot(`
    "cache: 1960.8 MiB of 2048.0 MiB, 24 evaluations
      64×64              127.5 MiB each, kept in 0 of 24
      32×32               61.3 MiB each, kept in 19 of 24
      16×16               29.4 MiB each, kept in 19 of 24
      8×8                  4.7 MiB each, kept in 19 of 24
      statistics, text     7.9 MiB each, kept in 19 of 24
      computed again: 6030.77 G multiply-adds of 9639.28 G"
  `);
});
