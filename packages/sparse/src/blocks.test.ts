import { compile, Graph, type Backend, type HostTensor, type Tensor } from "@tessera/kernels";
import { add, gather, inside, mul, scatter, scatterGather, silu, sub } from "@tessera/kernels/ops";
import { toInt32 } from "@tessera/safetensors";
import { backends, expectClose, fixture, fixtureJson } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { blockMap, blockSet, type BlockSet } from "./blockSet.ts";

interface Recorded {
  readonly name: string;
  readonly op: string;
  readonly params: {
    block?: number;
    activation?: string;
    activation_first?: boolean;
    offset?: number;
    stride?: number;
  };
  readonly inputs: Record<string, string>;
  readonly out: string;
}
const { kernels } = fixtureJson<{ kernels: Recorded[] }>("sige/ops/expected.json");
const file = fixture("sige/ops/expected.safetensors");

/** How each recorded operation is put together from ours. */
const recipes: Record<string, (input: (name: string) => Tensor, set: BlockSet, params: Recorded["params"]) => Tensor> =
  {
    gather(input, { size, height, width }, { activation, activation_first }) {
      const at = input("indices");
      let x = gather({ x: input("x"), at }, { size });
      const activate = () => void (x = activation === "swish" ? silu(x) : x);
      if (activation_first) activate();
      if (input("scale")) x = add(mul(x, input("scale")), input("shift"));
      if (!activation_first) activate();
      return inside({ x, at }, { height, width });
    },
    scatter(input, { tile, offset, scale }) {
      const base = input("y");
      let tiles = input("x");
      const attrs = { size: tile, shift: offset, scale };
      if (input("residual")) tiles = add(tiles, gather({ x: input("residual"), at: input("indices") }, attrs));
      return scatter({ tiles, base, map: input("map") });
    },
    scatter_gather(input, { size, height, width }) {
      const at = input("indices");
      const x = scatterGather({ tiles: input("x"), base: input("y"), map: input("map"), at }, { size });
      return inside({ x: silu(add(mul(x, input("scale")), input("shift"))), at }, { height, width });
    },
    scatter_with_block_residual(input, { tile, offset, scale }) {
      const shortcut = gather({ x: input("y1"), at: input("indices0") }, { size: tile, shift: offset, scale });
      const main = scatter({ tiles: add(input("x0"), shortcut), base: input("y0"), map: input("map0") });
      return add(main, sub(scatter({ tiles: input("x1"), base: input("y1"), map: input("map1") }), input("y1")));
    },
  };

/** The block geometry that a case's name tells: 3×3 pads by 1, and at stride 2 by nothing on top and left. */
function setOf(name: string): BlockSet {
  const [height, width] = name
    .match(/(\d+)x(\d+)/)!
    .slice(1)
    .map(Number);
  const kernel = name.includes("_1x1") ? 1 : 3;
  const stride = name.includes("s2") ? 2 : 1;
  const offset = kernel === 3 && stride === 1 ? 1 : 0;
  return blockSet({ height, width }, { kernel, stride, offset }, kernel === 1 ? 4 : 6);
}

describe.each(await backends())("block operations on $name", ({ open, name: on }) => {
  let backend: Backend;
  beforeAll(async () => void (backend = await open()));
  afterAll(() => backend.dispose());

  test.each(kernels)("$name", async (recorded) => {
    const set = setOf(recorded.name);
    const graph = new Graph();
    const given: Record<string, HostTensor> = {};
    for (const [name, tensor] of Object.entries(recorded.inputs)) {
      const isList = name.startsWith("indices");
      if (name === "scatter_map") continue; // ours has a cell for each tile, not for each pixel
      graph.input(name, file.shape(tensor), isList ? "i32" : "f32");
      given[name] = isList ? toInt32(await file.get(tensor)) : await file.numbers(tensor);
      if (!isList || recorded.op === "gather") continue;
      const own = name === "indices1" ? blockSet(set, { kernel: 1, stride: 1, offset: 0 }, 4) : set;
      const map = name.replace("indices", "map");
      graph.input(map, [own.rows, own.columns], "i32");
      given[map] = blockMap(own, given[name]);
    }
    graph.output(
      "out",
      recipes[recorded.op]((name) => graph.inputs.get(name)!, set, recorded.params),
    );
    const program = await compile(graph, backend);
    const { out } = await program.run(given);
    expectClose(await out.read(), await file.numbers(recorded.out), on === "webgpu" ? 1e-4 : 5e-6);
    program.dispose();
    expect(backend.liveBytes).toBe(0);
  });
});
