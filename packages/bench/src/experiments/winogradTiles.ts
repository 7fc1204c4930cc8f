import {
  Graph,
  plan as planned,
  planFor,
  without,
  type Kernel,
  type KernelContext,
  type Tensor,
} from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";
import { reference } from "@tessera/kernels/reference";
import { guaranteed, ladders, type WebgpuCaps } from "@tessera/kernels/webgpu";
import { componentGraph, sd15 } from "@tessera/models";
import * as v from "valibot";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import { resident } from "../resident.ts";
import { experiment, type Laboratory } from "./experiment.ts";
import { paperFigures } from "./paperFigures.ts";
import { exactly, impossible, measured } from "./rows.ts";
import type { PaperFigure, Row } from "./run.ts";
import { kernelsFor, only } from "./timeGraph.ts";

const tiles = [2, 4, 6, 8] as const;
type Tile = (typeof tiles)[number];
const kernelOf = (tile: Tile) => `conv2d.winograd${tile}`;
const { table1, table2 } = paperFigures.speed;

/** The device whose WebGPU kernels are counted: one without extras, but for bindings of any size. */
const caps: WebgpuCaps = { ...guaranteed, maxStorageBufferBindingSize: Infinity };
const context: KernelContext<WebgpuCaps> = {
  caps,
  isParam: () => true,
  isCounted: () => false,
  weightDtype: () => "f16",
};
const counted = (tile: Tile): Kernel<WebgpuCaps> | undefined =>
  ladders.conv2d.find(({ name }) => name === kernelOf(tile));

/** What a kernel keeps and computes for a convolution, of what it reads and of what its definition takes. */
function costs(kernel: Kernel<WebgpuCaps>, node: Tensor) {
  const { x, weight } = node.inputs;
  const scratch = kernel.scratch!(node, context);
  return {
    macs: kernel.macs!(node, context),
    saving: node.op.macs(node) / kernel.macs!(node, context),
    /** The transformed picture, of the picture; both f32. */
    intermediates: scratch.v / (4 * x.elements),
    scratchBytes: Object.values(scratch).reduce((sum, bytes) => sum + bytes, 0),
    weights: kernel.packings!(node, context).weight.bytes(weight.shape) / (2 * weight.elements),
  };
}

/** A 3×3 convolution at stride 1, of which the tiles are. */
const isWinograd = ({ op, inputs, attrs }: Tensor): boolean =>
  op.name === "conv2d" && inputs.weight.shape[2] === 3 && attrs.stride === 1 && attrs.groups === 1;

/**
 * Bytes of Stable Diffusion 1.5's UNet in half floats, in MiB, as kernels pack them, where 3×3 convolutions with outputs
 * of at least `least` pixels a side have their weights transformed by F(tile × tile).
 */
function unetMebibytes(tile: Tile | undefined, least: number): { mebibytes: number; transformed: number; of: number } {
  const graph = componentGraph({ component: "unet", config: sd15.unet });
  const options = without("winograd4", "winograd2");
  const { calls, weights } = planned(graph, { caps, ladders, memoryUnit: "blocks" }, options, () => "f16");
  const all = calls.filter(({ node }) => isWinograd(node));
  const chosen = tile ? all.filter(({ node }) => node.shape[2] >= least) : [];
  // Norms and biases, which devices keep in f32, are counted as the paper does.
  const plain = weights.reduce((sum, { packing, bytes }) => sum + (packing.name === "dense" ? bytes / 2 : bytes), 0);
  const bytes = (kernel: Kernel, node: Tensor) =>
    kernel.packings!(node, context).weight.bytes(node.inputs.weight.shape);
  const more = chosen.reduce((sum, { node, kernel }) => sum + bytes(counted(tile!)!, node) - bytes(kernel, node), 0);
  return { mebibytes: (plain + more) / 2 ** 20, transformed: chosen.length, of: all.length };
}

function convolution(channels: number, side: number): Graph {
  const graph = new Graph();
  const x = graph.input("x", [1, channels, side, side]);
  const weight = graph.param("weight", [channels, channels, 3, 3]);
  graph.output("y", ops.conv2d({ x, weight }, { pad: [1, 1, 1, 1] }));
  return graph;
}

/** How far F(t) is from float64 on unit-variance outputs, and how its packed weights compare with the plain ones. */
async function measure(tile: Tile, { backend, quick, signal }: Laboratory) {
  const graph = convolution(quick ? 64 : 320, quick ? 16 : 32);
  if (!kernelsFor({ backend }, graph, "conv2d").includes(kernelOf(tile))) return { tile, there: false };
  const [source, inputs] = [randomWeights(graph, "F32"), randomInputs(graph)];
  const options = only(kernelOf(tile), backend.ladders.conv2d);
  const plan = planFor(graph, backend, options);
  const definition = reference();
  const [truth, ours] = [
    await resident(graph, definition, inputs, { weights: source, signal }),
    await resident(graph, backend, inputs, { weights: source, options, signal }),
  ];
  const [want, got] = [truth.outputs.y, ours.outputs.y];
  const rms = (numbers: Float32Array) => Math.sqrt(numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length);
  const error = rms(got.map((x, i) => x - want[i])) / rms(want);
  truth.dispose();
  ours.dispose();
  await definition.dispose();
  const plain = [...graph.params.values()].reduce((sum, { elements }) => sum + 4 * elements, 0);
  return { tile, there: true, error, weights: plan.weightBytes / plain };
}

export const winogradTiles = experiment({
  id: "winograd-tiles",
  question: "What does a larger Winograd tile save, and what does it cost?",
  outcome: v.object({
    tile: v.number(),
    there: v.boolean(),
    error: v.optional(v.number()),
    weights: v.optional(v.number()),
  }),
  parts: () => tiles.map((tile) => ({ name: `F(${tile}×${tile})`, run: (laboratory) => measure(tile, laboratory) })),
  tables(outcomes) {
    const table: Row[] = tiles.flatMap((tile) => {
      const about = { subject: `F(${tile}×${tile}, 3×3)`, unit: "×", keys: { tile } };
      const paper = table1[tile];
      const kernel = counted(tile);
      // Pictures of 16 × 16 tiles, so that nothing is padded.
      const cost = kernel && costs(kernel, convolution(64, 16 * tile).outputs.get("y")!);
      const line = (quantity: string, value: number | undefined, figure: PaperFigure) =>
        value === undefined
          ? impossible({ ...about, quantity }, `a kernel for tiles of ${tile}×${tile}`, { paper: figure })
          : exactly({ ...about, quantity }, value, {
              paper: figure,
              note: "the paper's is not the ratio's rounding",
            });
      return [
        line("saving of multiplications", cost?.saving, paper.multiplications),
        line("intermediate tensors", cost?.intermediates, paper.intermediates),
        line("weights", cost?.weights, paper.weights),
      ];
    });
    const [channels, side] = [320, 64];
    const node = convolution(channels, side).outputs.get("y")!;
    const subject = (tile: Tile) => `F(${tile}×${tile}) on ${channels} channels at ${side}×${side}`;
    const inNetwork: Row[] = tiles.flatMap((tile) => {
      const kernel = counted(tile);
      if (!kernel) return [];
      const cost = costs(kernel, node);
      const about = { subject: subject(tile), keys: { tile } };
      const note = side % tile ? `${side} is no multiple of ${tile}: some tiles are partly outside` : undefined;
      return [
        exactly({ ...about, quantity: "multiply-adds of the products", unit: "G" }, cost.macs / 1e9, { note }),
        exactly({ ...about, quantity: "saving of multiplications", unit: "×" }, cost.saving, { note }),
        exactly({ ...about, quantity: "memory while it runs", unit: "MiB" }, cost.scratchBytes / 2 ** 20),
        exactly({ ...about, quantity: "weights as half floats", unit: "×" }, cost.weights),
      ];
    });
    const kernels: Row[] = [...outcomes.values()].flatMap(({ tile, there, error, weights: packed }) => {
      const about = { subject: `our F(${tile}×${tile}, 3×3)`, keys: { tile } };
      const [errors, bytes] = [
        { ...about, quantity: "root mean square error, of the result's", unit: "" },
        { ...about, quantity: "packed weights, of the plain ones", unit: "×" },
      ];
      if (!there) return [impossible(errors, `a kernel for tiles of ${tile}×${tile}`)];
      return [measured(errors, { value: error! }), exactly(bytes, packed!)];
    });
    const [four, six] = [4, 6].map((tile) => outcomes.get(`F(${tile}×${tile})`)?.error);
    const rougher = four && six && six / four;
    const plain = unetMebibytes(undefined, 0);
    const about = (subject: string) => ({ subject, quantity: "UNet's weights as half floats", unit: "MiB" });
    const whole = [
      exactly(about("no Winograd"), plain.mebibytes, {
        paper: table2.baseline.weights,
        note: "the paper's has three digits",
      }),
      ...tiles.filter(counted).flatMap((tile) => {
        const selective = unetMebibytes(tile, 32);
        const paper = tile === 4 ? table2.all.weights : undefined;
        const note = `${selective.transformed} of the ${selective.of} 3×3 convolutions at stride 1: outputs of 32×32 and more`;
        return exactly(
          { ...about(`F(${tile}×${tile}) where pictures are large`), keys: { tile } },
          selective.mebibytes,
          { paper, note },
        );
      }),
      exactly({ ...about("F(4×4) everywhere"), keys: { tile: 4 } }, unetMebibytes(4, 0).mebibytes),
    ];
    return [
      { title: "Winograd tiles: what our WebGPU kernels save and cost", rows: table },
      { title: "A convolution of the UNet's upper level", rows: inNetwork },
      {
        title: "The UNet's weights with Winograd",
        rows: whole,
        findings: [
          `F(4×4) on exactly the convolutions with outputs of at least 32×32 gives ${unetMebibytes(4, 32).mebibytes.toFixed(0)} MiB, the number that the paper prints for all its optimisations: so "selectively" means the two outer levels.`,
        ],
      },
      { title: "Our kernels", rows: kernels, findings: rougher === undefined ? [] : [tooRough(rougher)] },
    ];
  },
});

const tooRough = (times: number): string =>
  `F(6×6) has ${times.toFixed(1)} times the error of F(4×4), needs 1.78 times its transformed weights and saves a fifth of its products at best: no rule chooses it.`;
