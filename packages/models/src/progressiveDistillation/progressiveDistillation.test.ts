import { compile, countMacs, countParameters } from "@tessera/kernels";
import { memorySource } from "@tessera/safetensors";
import { backends, expectClose, maxAbs } from "@tessera/testing";
import { describe, expect, test } from "vitest";
import { parseProgressiveDistillationConfig, progressiveDistillationConfigs } from "./config.ts";
import { progressiveDistillationGraph } from "./unet.ts";

const model = {
  in_ch: 2,
  out_ch: 4,
  ch: 8,
  ch_mult: [1, 2],
  num_res_blocks: 1,
  attn_resolutions: [4],
  temb_ch: 12,
  head_dim: 4,
  norm_num_groups: 4,
  logsnr_input_type: "inv_cos",
  num_heads: null,
};
const config = parseProgressiveDistillationConfig({ data: { image_size: 8 }, model });

/** Numbers in −1 … 1 that look like noise. */
const noise = (length: number, seed: number) =>
  Float32Array.from({ length }, (_, i) => (Math.sin(12.9898 * (i + 1) + 78.233 * seed) * 43758.5453) % 1);

const graph = progressiveDistillationGraph(config);
const weights = new Map(
  [...graph.params].map(([name, { elements, shape }], i) => {
    const width = shape.length > 1 ? elements / shape[0] : 1;
    return [name, noise(elements, i).map((x) => (1.5 * x) / Math.sqrt(width))];
  }),
);

/** A picture in plain loops: planes, rows, columns. */
type Picture = number[][][];
const w = (name: string) => weights.get(name)!;
const map = (x: Picture, f: (value: number, c: number) => number): Picture =>
  x.map((plane, c) => plane.map((row) => row.map((value) => f(value, c))));
const plus = (a: Picture, b: Picture): Picture =>
  a.map((plane, c) => plane.map((row, i) => row.map((v, j) => v + b[c][i][j])));
const swish = (v: number) => v / (1 + Math.exp(-v));
const dense = (name: string, x: number[]): number[] =>
  Array.from(w(`${name}.bias`), (b, o) => x.reduce((sum, v, k) => sum + v * w(`${name}.weight`)[o * x.length + k], b));
const conv = (name: string, x: Picture, size: number): Picture => {
  const [kernel, bias, reach] = [w(`${name}.weight`), w(`${name}.bias`), (size - 1) / 2];
  return Array.from(bias, (b, o) =>
    x[0].map((row, i) =>
      row.map((_, j) => {
        let sum = b;
        for (let c = 0; c < x.length; c++)
          for (let r = 0; r < size; r++)
            for (let s = 0; s < size; s++) {
              const value = x[c][i + r - reach]?.[j + s - reach] ?? 0;
              sum += value * kernel[((o * x.length + c) * size + r) * size + s];
            }
        return sum;
      }),
    ),
  );
};
const norm = (name: string, x: Picture): Picture => {
  const own = x.length / config.norm_num_groups;
  const stats = Array.from({ length: config.norm_num_groups }, (_, g) => {
    const values = x.slice(g * own, (g + 1) * own).flat(2);
    const mean = values.reduce((a, b) => a + b) / values.length;
    return { mean, deviation: Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length + 1e-6) };
  });
  return map(x, (v, c) => {
    const { mean, deviation } = stats[Math.floor(c / own)];
    return ((v - mean) / deviation) * w(`${name}.weight`)[c] + w(`${name}.bias`)[c];
  });
};
const halved = (x: Picture): Picture =>
  x.map((p) =>
    Array.from({ length: p.length / 2 }, (_, i) =>
      Array.from({ length: p[0].length / 2 }, (_, j) => {
        const [a, b] = [p[2 * i], p[2 * i + 1]];
        return (a[2 * j] + a[2 * j + 1] + b[2 * j] + b[2 * j + 1]) / 4;
      }),
    ),
  );
const doubled = (x: Picture): Picture => x.map((p) => p.flatMap((row) => [0, 1].map(() => row.flatMap((v) => [v, v]))));

/** The network of lmxyy/sige's `pd_arch/unet.py`, as its description has it, without any of our ops. */
function byHand(x: Picture, t: number): Picture {
  const half = config.ch / 2;
  const angles = Array.from({ length: half }, (_, i) => t * Math.exp((-Math.log(10000) * i) / (half - 1)));
  const waves = [...angles.map(Math.sin), ...angles.map(Math.cos)];
  const temb = dense("temb.dense.1", dense("temb.dense.0", waves).map(swish)).map(swish);
  const block = (at: string, x: Picture, resample = (p: Picture) => p): Picture => {
    const h = norm(`${at}.norm2`, conv(`${at}.conv1`, resample(map(norm(`${at}.norm1`, x), swish)), 3));
    const time = dense(`${at}.temb_proj`, temb);
    const modulated = map(h, (v, c) => swish(v * (1 + time[c]) + time[c + h.length]));
    const skip = weights.has(`${at}.nin_shortcut.weight`) ? conv(`${at}.nin_shortcut`, resample(x), 1) : resample(x);
    return plus(skip, conv(`${at}.conv2`, modulated, 3));
  };
  const attention = (at: string, x: Picture): Picture => {
    const planes = conv(`${at}.qkv`, norm(`${at}.norm`, x), 1).map((plane) => plane.flat());
    const [c, columns] = [x.length, x[0][0].length];
    const attended = planes.slice(0, c).map((plane) => plane.map(() => 0));
    for (let first = 0; first < c; first += config.head_dim)
      planes[0].forEach((_, query) => {
        const channels = Array.from({ length: config.head_dim }, (_, k) => first + k);
        const scores = planes[0].map(
          (_, key) =>
            channels.reduce((sum, k) => sum + planes[k][query] * planes[c + k][key], 0) / Math.sqrt(config.head_dim),
        );
        const shares = scores.map((s) => Math.exp(s - Math.max(...scores)));
        const total = shares.reduce((a, b) => a + b);
        for (const k of channels)
          attended[k][query] = shares.reduce((sum, share, key) => sum + (share / total) * planes[2 * c + k][key], 0);
      });
    const picture = attended.map((p) => x[0].map((_, i) => p.slice(i * columns, (i + 1) * columns)));
    return plus(x, conv(`${at}.proj_out`, picture, 1));
  };
  const first = conv("conv_in", x, 3);
  const outer = block("down.0.block.0", first);
  const down = block("down.0.downsample", outer, halved);
  const inner = attention("down.1.attn.0", block("down.1.block.0", down));
  let h = block("mid.block_2", attention("mid.attn_1", block("mid.block_1", inner)));
  h = attention("up.1.attn.0", block("up.1.block.0", [...h, ...inner]));
  h = attention("up.1.attn.1", block("up.1.block.1", [...h, ...down]));
  h = block("up.1.upsample", h, doubled);
  h = block("up.0.block.0", [...h, ...outer]);
  h = block("up.0.block.1", [...h, ...first]);
  return conv("conv_out", map(norm("norm_out", h), swish), 3);
}

describe.each(await backends())("progressive distillation on $name", ({ open, tolerance }) => {
  test("the network is the one computed by hand", async () => {
    const backend = await open();
    const source = memorySource(
      Object.fromEntries(
        [...weights].map(([name, data]) => [
          name,
          { dtype: "F32" as const, shape: graph.params.get(name)!.shape, data: new Uint8Array(data.buffer) },
        ]),
      ),
    );
    const program = await compile(graph, backend, { weights: source });
    const sample = noise(2 * 8 * 8, 99);
    const picture = [0, 1].map((c) =>
      [...Array(8).keys()].map((i) => [...sample.subarray(c * 64 + 8 * i, c * 64 + 8 * i + 8)]),
    );
    const reference = byHand(picture, 375).flat(2);
    const outputs = await program.run({ sample, timestep: [375] });
    expect(outputs.sample.shape).toEqual([1, 4, 8, 8]);
    expectClose(await outputs.sample.read(), reference, tolerance * maxAbs(reference));
    program.dispose();
    await backend.dispose();
  });
});

test("parameters and multiply-adds of the networks that SIGE uses", () => {
  const counted = (name: keyof typeof progressiveDistillationConfigs) => {
    const graph = progressiveDistillationGraph(progressiveDistillationConfigs[name]);
    return [countParameters(graph), countMacs(graph).total];
  };
  expect(counted("church128")).toEqual([139_578_502, 66_800_566_272]); // published: 66.8 G
  expect(counted("church256")).toEqual([141_312_390, 118_730_080_256]);
});

test("another kind of time is refused", () => {
  const other = { data: { image_size: 8 }, model: { ...model, logsnr_input_type: "linear" } };
  expect(() => parseProgressiveDistillationConfig(other)).toThrow("logsnr_input_type");
});
