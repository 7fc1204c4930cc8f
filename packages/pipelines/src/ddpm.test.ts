import { compile, type Backend } from "@tessera/kernels";
import { ddpmGraph, ddpmNames, parseDdpmConfig } from "@tessera/models";
import { alphaBarsOf, combineFloat32, ddim, sample, type SchedulerConfig } from "@tessera/sampling";
import { backends, expectClose, fixture, fixtureJson, maxAbs } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const expected = fixture("tiny-ddpm/expected.safetensors");
const json = fixtureJson<{ diffusion: Record<string, unknown> }>("tiny-ddpm/config.json");
const config = parseDdpmConfig(json);
const { beta_schedule, beta_start, beta_end, num_diffusion_timesteps } = json.diffusion;
const schedule = { beta_schedule, beta_start, beta_end, num_train_timesteps: num_diffusion_timesteps };

// The reference backend, which takes ten times as long, has the network's own tests.
const devices = (await backends()).filter(({ name }) => name !== "reference");

describe.each(devices)("DDIM on pixels on $name", { timeout: 300_000 }, ({ open, name }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test("DDIM's steps are those of ermongroup/ddim", async () => {
    const timesteps = [...(await expected.numbers("ddim.seq"))].toReversed();
    const steps = ddim({ alphaBar: alphaBarsOf(schedule as SchedulerConfig), timesteps });
    const weights = ddpmNames(fixture("tiny-ddpm/model.safetensors"), config.ch_mult.length);
    const program = await compile(ddpmGraph(config), backend, { weights });
    const model = async (x: Float32Array, t: number) => (await program.run({ sample: x, timestep: [t] })).sample.read();
    const close = async (actual: Float32Array, key: string) => {
      const reference = await expected.numbers(key);
      expectClose(actual, reference, (name === "webgpu" ? 2e-3 : 1e-4) * maxAbs(reference), key);
    };
    const seen: number[] = [];
    const final = await sample(model, await expected.numbers("ddim.xT"), steps, {
      combine: combineFloat32,
      async onStep({ t, x }) {
        seen.push(t);
        await close(x, `ddim.t${t}.x`);
      },
    });
    program.dispose();
    expect(seen).toEqual([800, 600, 400, 200, 0]);
    await close(final, "ddim.final");
  });
});
