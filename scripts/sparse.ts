/**
 * What an edit costs by blocks, and as a whole, on WASM at the networks' real sizes with random weights: prints a row of a
 * Markdown table for each. `node --conditions=source --import tsx scripts/sparse.ts [--count] gan-compression …`
 * With `--count`, only counts multiply-adds, for edits of several sizes. Times are medians of interleaved runs.
 */
import { compile, countMacs, type Graph } from "@tessera/kernels";
import { wasm } from "@tessera/kernels/wasm";
import {
  compressedGaugan,
  ddpmConfigs,
  ddpmGraph,
  gauganConfigs,
  gauganGraph,
  componentGraph,
  sd15,
} from "@tessera/models";
import {
  maskPyramid,
  sparseMacs,
  sparsify,
  type Mask,
  type PyramidOptions,
  type SparsifyOptions,
} from "@tessera/sparse";
import { randomWeights, uniform } from "./randomWeights.ts";

interface Case {
  graph(): Graph;
  readonly options: SparsifyOptions;
  readonly pyramid: PyramidOptions;
  /** Of the masks that belong to the network. */
  readonly height: number;
  readonly width: number;
}

const ddpm: Omit<Case, "graph"> = {
  options: {
    edited: ["sample"],
    resolution: 64,
    always: (path) => path.endsWith("upsample.conv"),
    dense: (path) => /^(conv_in|norm_out|conv_out)$/.test(path),
  },
  pyramid: { minimum: 8, dilation: 1 },
  height: 256,
  width: 256,
};
const gaugan = (resolution: number): Omit<Case, "graph"> => ({
  options: { edited: ["segmentation"], resolution, dense: (path) => path === "conv_img" },
  pyramid: { minimum: [4, 8], dilation: 2 },
  height: 256,
  width: 512,
});
/** The networks of SIGE's paper that are known here, with its settings. */
const cases: Record<string, Case> = {
  "ddpm-church256": { graph: () => ddpmGraph(ddpmConfigs.church256), ...ddpm },
  gaugan: { graph: () => gauganGraph(gauganConfigs.cityscapes), ...gaugan(16) },
  "gan-compression": { graph: () => gauganGraph(compressedGaugan("32_32_32_48_32_24_24_32")), ...gaugan(32) },
  "sd15-unet": {
    graph: () => componentGraph({ component: "unet", config: sd15.unet }),
    options: { edited: ["sample"], resolution: 8 },
    pyramid: { minimum: 4, dilation: 1 },
    height: 512,
    width: 512,
  },
  "sd15-vae-decoder": {
    graph: () => componentGraph({ component: "vae_decoder", config: sd15.vae }),
    options: { edited: ["latents"], resolution: 8 },
    pyramid: { minimum: 4, dilation: 0 },
    height: 512,
    width: 512,
  },
};

/** A square of a share of the picture, off the middle. */
function square({ height, width }: Case, share: number): Mask {
  const side = Math.max(1, Math.round(Math.sqrt(share * height * width)));
  const [top, left] = [Math.floor((height - side) * 0.4), Math.floor((width - side) * 0.6)];
  const data = new Uint8Array(height * width);
  for (let i = Math.max(0, top); i < Math.min(height, top + side); i++)
    data.fill(1, i * width + Math.max(0, left), i * width + Math.min(width, left + side));
  return { height, width, data };
}

const median = (numbers: number[]) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const count = process.argv.includes("--count");
const named = process.argv.slice(2).filter((name) => name !== "--count");
const shares = [0.00001, 0.012, 0.05, 0.15, 0.4];
console.log(
  count
    ? `| model | whole | ${shares.map((share) => `edit of ${+(100 * share).toFixed(1)} %`).join(" | ")} |\n| --- |${" ---: |".repeat(1 + shares.length)}`
    : "| model | edit | multiply-adds, whole → blocks | time, whole → blocks | of the ratio |\n| --- | ---: | ---: | ---: | ---: |",
);
for (const name of named.length ? named : Object.keys(cases)) {
  const one = cases[name];
  if (!one) throw new Error(`There is no case ${name}. There are ${Object.keys(cases).join(", ")}.`);
  const graph = one.graph();
  const whole = countMacs(graph).total;
  const { full, sparse, states, blocks } = sparsify(graph, one.options);
  const listsFor = (share: number) => blocks(maskPyramid(square(one, share), one.pyramid));
  const g = (macs: number) => `${(macs / 1e9).toFixed(2)} G`;
  if (count) {
    console.log(`| ${[name, g(whole), ...shares.map((s) => g(sparseMacs(sparse, listsFor(s))))].join(" | ")} |`);
    continue;
  }
  const backend = await wasm();
  const weights = randomWeights(graph);
  const inputs = Object.fromEntries(
    [...graph.inputs].map(([input, t]) => [input, uniform(t.elements, t.id, input === "timestep" ? 500 : 0, 1)]),
  );
  const dense = await compile(graph, backend, { weights });
  const recording = await compile(full, backend, { weights });
  const outputs = await recording.run(inputs);
  const kept = Object.fromEntries(states.map((s) => [s, outputs[s]]));
  const program = await compile(sparse, backend, { weights, bound: kept });
  const lists = listsFor(0.012);
  const given = Object.fromEntries(
    [...sparse.inputs.keys()].map((input) => [input, lists[input] ?? kept[input] ?? inputs[input]]),
  );
  const timed = async (run: () => Promise<unknown>) => {
    const started = performance.now();
    await run();
    return (performance.now() - started) / 1000;
  };
  const times = { dense: [] as number[], sparse: [] as number[] };
  for (let i = 0; i < 3; i++) {
    times.dense.push(await timed(() => dense.run(inputs)));
    times.sparse.push(await timed(() => program.run(given)));
  }
  const [slow, fast] = [median(times.dense), median(times.sparse)];
  const macs = sparseMacs(sparse, lists);
  const ratios = [whole / macs, slow / fast];
  const cells = [
    name,
    "1.2 %",
    `${g(whole)} → ${g(macs)} (${ratios[0].toFixed(1)}×)`,
    `${slow.toFixed(2)} s → ${fast.toFixed(2)} s (${ratios[1].toFixed(1)}×)`,
    `${Math.round((100 * ratios[1]) / ratios[0])} %`,
  ];
  console.log(`| ${cells.join(" | ")} |`);
  await backend.dispose();
}
