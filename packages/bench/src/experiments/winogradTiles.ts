import { Graph, planFor, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";
import { reference } from "@tessera/kernels/reference";
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

/** Against the direct 3×3 convolution, for an output tile of t × t: F(t × t, 3 × 3) reads and multiplies (t + 2)² numbers. */
const savings = (t: number) => (9 * t ** 2) / (t + 2) ** 2;
const intermediates = (t: number) => (t + 2) ** 2 / t ** 2;
const weights = (t: number) => (t + 2) ** 2 / 9;

/** A 3×3 convolution at stride 1, of which the tiles are. */
const isWinograd = ({ op, inputs, attrs }: Tensor): boolean =>
  op.name === "conv2d" && inputs.weight.shape[2] === 3 && attrs.stride === 1 && attrs.groups === 1;

/**
 * Bytes of Stable Diffusion 1.5's UNet in half floats, in MiB, where 3×3 convolutions with outputs of at least `least`
 * pixels a side have their weights transformed for tiles of t.
 */
function unetMebibytes(
  tile: number | undefined,
  least: number,
): { mebibytes: number; transformed: number; of: number } {
  const graph = componentGraph({ component: "unet", config: sd15.unet });
  const all = graph.nodes.filter(isWinograd);
  const chosen = tile ? all.filter(({ shape }) => shape[2] >= least) : [];
  const numbers = [...graph.params.values()].reduce((sum, { elements }) => sum + elements, 0);
  const more = chosen.reduce((sum, { inputs }) => sum + inputs.weight.elements * (weights(tile!) - 1), 0);
  return { mebibytes: (2 * (numbers + more)) / 2 ** 20, transformed: chosen.length, of: all.length };
}

function convolution(channels: number, side: number): Graph {
  const graph = new Graph();
  const x = graph.input("x", [1, channels, side, side]);
  graph.output(
    "y",
    ops.conv2d({ x, weight: graph.param("weight", [channels, channels, 3, 3]) }, { pad: [1, 1, 1, 1] }),
  );
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
    const closed: Row[] = tiles.flatMap((tile) => {
      const about = { subject: `F(${tile}×${tile}, 3×3)`, unit: "×", keys: { tile } };
      const paper = table1[tile];
      const line = (quantity: string, value: number, figure: PaperFigure) =>
        exactly({ ...about, quantity }, value, { paper: figure, note: "the paper's is not the formula's rounding" });
      return [
        line("saving of multiplications", savings(tile), paper.multiplications),
        line("intermediate tensors", intermediates(tile), paper.intermediates),
        line("weights", weights(tile), paper.weights),
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
    const plain = unetMebibytes(undefined, 0);
    const about = (subject: string) => ({ subject, quantity: "UNet's weights as half floats", unit: "MiB" });
    const whole = [
      exactly(about("no Winograd"), plain.mebibytes, {
        paper: table2.baseline.weights,
        note: "the paper's has three digits",
      }),
      ...tiles.flatMap((tile) => {
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
      { title: "Winograd tiles: savings and costs", rows: closed },
      {
        title: "The UNet's weights with Winograd",
        rows: whole,
        findings: [
          `F(4×4) on exactly the convolutions with outputs of at least 32×32 gives ${unetMebibytes(4, 32).mebibytes.toFixed(0)} MiB, the number that the paper prints for all its optimisations: so "selectively" means the two outer levels.`,
        ],
      },
      { title: "Our kernels", rows: kernels },
    ];
  },
});
