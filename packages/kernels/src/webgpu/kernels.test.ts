import { memorySource } from "@tessera/safetensors";
import { backends, expectClose, maxAbs, operatorCases } from "@tessera/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile } from "../compile.ts";
import { Graph } from "../graph/graph.ts";
import type { Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import { defaultOptions, type Options } from "../options.ts";
import type { Backend } from "../plan/backend.ts";
import { reference } from "../reference/index.ts";
import { webgpu, type WebgpuCaps } from "./index.ts";
import * as ladders from "./ladders.ts";

const isHere = (await backends()).some(({ name }) => name === "webgpu");
const bytesOf = (numbers: Float32Array) => new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);

/** Reproducible numbers around zero. */
function noise(count: number, seed: number): Float32Array {
  let state = seed * 2654435761 + 12345;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return state / 2 ** 31;
  });
}

const forbidding = (...kernels: string[]): Options => ({
  ...defaultOptions,
  kernels: Object.fromEntries(kernels.map((name) => [name, false])),
});

describe.skipIf(!isHere)("WGSL kernels", () => {
  /** With the limits that every device has, and with all that this one has. */
  let backend: Backend;
  let capable: Backend<WebgpuCaps>;
  beforeAll(async () => {
    backend = await webgpu({ defaultLimits: true });
    capable = await webgpu();
  });
  afterAll(() => Promise.all([backend.dispose(), capable.dispose()]));

  /** Runs a graph here and on the reference; parameters and inputs are noise. Returns the names of the kernels. */
  async function agrees(
    build: (g: Graph) => Tensor,
    options = defaultOptions,
    tolerance = 1e-4,
    on = backend,
  ): Promise<string[]> {
    const graph = new Graph();
    graph.output("y", build(graph));
    const params = [...graph.params].map(([name, t], i) => [name, t, noise(t.elements, i + 7)] as const);
    const weights = memorySource(
      Object.fromEntries(
        params.map(([name, t, numbers]) => [name, { dtype: "F32", shape: t.shape, data: bytesOf(numbers) }]),
      ),
    );
    const inputs = Object.fromEntries(
      [...graph.inputs].map(([name, t], i) => {
        const numbers = noise(t.elements, i + 101);
        const least = name === "map" ? -1 : 0;
        return [name, t.dtype === "i32" ? Int32Array.from(numbers, (v) => Math.floor((v + 1) * 2) + least) : numbers];
      }),
    );
    const program = await compile(graph, on, { weights, options });
    const expected = await (await (await compile(graph, reference(), { weights })).run(inputs)).y.read();
    const actual = await (await program.run(inputs)).y.read();
    program.dispose();
    expectClose(actual, expected, tolerance * Math.max(1, maxAbs(expected)));
    return program.plan.calls.map(({ kernel }) => kernel.name);
  }
  const size = (most: number) => fc.integer({ min: 1, max: most });
  const runs = { numRuns: 12, seed: 5, endOnFailure: true };
  const few = { numRuns: 6, seed: 5, endOnFailure: true };

  test("what PyTorch computes, with the limits that every device has", async () => {
    for (const { name, build, data, shapes, expected, tolerance, maxAbs: largest } of await operatorCases()) {
      const graph = build();
      const weights = memorySource(
        Object.fromEntries(
          [...graph.params.keys()].map((key) => [key, { dtype: "F32", shape: shapes[key], data: bytesOf(data[key]) }]),
        ),
      );
      const program = await compile(graph, backend, { weights });
      const { out } = await program.run(Object.fromEntries([...graph.inputs.keys()].map((key) => [key, data[key]])));
      expectClose(await out.read(), expected, Math.max(tolerance, 1e-3 * largest), name);
      program.dispose();
    }
  });

  const only = (conv2d: string, linear: string) => {
    const kernels = [...ladders.conv2d, ...ladders.linear].map(({ name }) => name);
    return forbidding(...kernels.filter((name) => name !== `conv2d.${conv2d}` && name !== `linear.${linear}`));
  };
  const gemms = {
    "in workgroup memory": ["implicitGemm", "tiled"],
    "in registers": ["implicitGemmRegisters", "tiledRegisters"],
    "by subgroups": ["implicitGemmSubgroups", "tiledSubgroups"],
    "on matrix units": ["implicitGemmSubgroupMatrix", "tiledSubgroupMatrix"],
  } as const;
  test.for(Object.entries(gemms))("convolution and linear layer %s", async ([name, [conv2d, linear]], { skip }) => {
    const bySubgroups = name === "by subgroups";
    const onMatrices = name === "on matrix units"; // in halves only
    if (bySubgroups && !capable.caps.subgroupSize) skip("the adapter has no subgroups of one size");
    if (onMatrices && !capable.caps.subgroupMatrix)
      skip("the adapter offers no matrix units (lavapipe does from Mesa 26)");
    const options = only(conv2d, linear);
    const on = bySubgroups || onMatrices ? capable : backend;
    const conv = fc.record({
      n: size(2),
      c4: size(6),
      co: size(70),
      h: size(9),
      w: size(12),
      k: size(3),
      stride: size(2),
    });
    await fc.assert(
      fc.asyncProperty(
        conv,
        fc.integer({ min: 1, max: 2 }),
        fc.boolean(),
        async ({ n, c4, co, h, w, k, stride }, dilation, f16) => {
          const dtype = { weights: f16 || onMatrices ? "f16" : "f32" } as const;
          const names = await agrees(
            (g) => {
              const y = ops.conv2d(
                { x: g.input("x", [n, 4 * c4, h, w]), weight: g.param("weight", [co, 4 * c4, k, k]) },
                { stride, dilation, pad: [k, k - 1, k, k] },
              );
              const time = ops.reshape({ x: g.input("time", [n, co]) }, { shape: [n, co, 1, 1] });
              const biased = ops.add(y, ops.reshape({ x: g.param("bias", [co]) }, { shape: [1, co, 1, 1] }));
              return ops.silu(ops.add(ops.add(biased, time), g.input("residual", y.shape)));
            },
            { ...options, dtype },
            dtype.weights === "f16" ? 5e-3 : 1e-4,
            on,
          );
          expect(names).toEqual([`conv2d.${conv2d}`]);
        },
      ),
      few,
    );
    await fc.assert(
      fc.asyncProperty(size(70), size(20), size(70), async (rows, k4, o) => {
        const names = await agrees(
          (g) => {
            const y = ops.linear({ x: g.input("x", [2, rows, 4 * k4]), weight: g.param("weight", [o, 4 * k4]) });
            return ops.add(ops.gelu(ops.add(y, g.param("bias", [o]))), g.input("residual", y.shape));
          },
          onMatrices ? { ...options, dtype: { weights: "f16" } } : options,
          onMatrices ? 5e-3 : 1e-4,
          on,
        );
        expect(names).toEqual([`linear.${linear}`]);
      }),
      few,
    );
  });

  test.for([6, 4, 2])("Winograd's convolution with tiles of %i", async (m) => {
    const shape = fc.record({ n: size(3), c4: size(5), co: size(37), h: size(19), w: size(11) });
    const pads = fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 1, max: 2 })));
    const options = only(`winograd${m}`, "direct");
    await fc.assert(
      fc.asyncProperty(shape, pads, fc.boolean(), async ({ n, c4, co, h, w }, pad, f16) => {
        const names = await agrees(
          (g) => {
            const x = g.input("x", [n, 4 * c4, h, w]);
            const y = ops.conv2d({ x, weight: g.param("weight", [co, 4 * c4, 3, 3]) }, { pad });
            return ops.silu(ops.add(y, g.input("residual", y.shape)));
          },
          { ...options, dtype: { weights: f16 ? "f16" : "f32" } },
          f16 ? (m === 6 ? 2e-2 : 5e-3) : 1e-4,
          f16 ? capable : backend,
        );
        expect(names).toEqual([`conv2d.winograd${m}`]);
      }),
      few,
    );
  });

  // Root mean square and largest error against float64 where results have variance 1; figures for docs/results.md.
  test.for([
    [0, "f32", 1.1e-6, 8e-6],
    [2, "f32", 6e-7, 4e-6],
    [4, "f32", 1.8e-6, 1.6e-5],
    [6, "f32", 7.5e-6, 7e-5],
    [0, "f16", 2.1e-4, 9e-4],
    [2, "f16", 3.6e-4, 1.8e-3],
    [4, "f16", 1.1e-3, 6e-3],
    [6, "f16", 4.6e-3, 3.7e-2],
  ] as const)("the error of Winograd's tiles of %i with weights in %s", async ([m, storage, rms, largest]) => {
    const [ci, co, side] = [320, 16, 24];
    const graph = new Graph();
    const x = graph.input("x", [1, ci, side, side]);
    graph.output("y", ops.conv2d({ x, weight: graph.param("weight", [co, ci, 3, 3]) }, { pad: [1, 1, 1, 1] }));
    // Uniform numbers of variance 1 and 1 / (9 ci).
    const scaled = (count: number, seed: number, by: number) => noise(count, seed).map((v) => v * by);
    const data = bytesOf(scaled(co * ci * 9, 1, Math.sqrt(3 / (9 * ci))));
    const weights = memorySource({ weight: { dtype: "F32", shape: [co, ci, 3, 3], data } });
    const inputs = { x: scaled(x.elements, 2, Math.sqrt(3)) };
    const options = { ...only(m ? `winograd${m}` : "implicitGemm", "direct"), dtype: { weights: storage } };
    const program = await compile(graph, backend, { weights, options });
    expect(program.plan.calls.map(({ kernel }) => kernel.name)).toEqual([
      m ? `conv2d.winograd${m}` : "conv2d.implicitGemm",
    ]);
    const found = await (await program.run(inputs)).y.read();
    program.dispose();
    const expected = await (await (await compile(graph, reference(), { weights })).run(inputs)).y.read();
    const errors = found.map((v, i) => v - expected[i]);
    expect(Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length)).toBeLessThan(rms);
    expect(maxAbs(errors)).toBeLessThan(largest);
  });

  test("convolution with groups, asymmetric padding and any number of channels", async () => {
    const shape = fc.record({
      n: size(2),
      cg: size(3),
      per: size(3),
      groups: size(3),
      h: size(7),
      w: size(7),
      stride: size(3),
    });
    await fc.assert(
      fc.asyncProperty(
        shape,
        fc.tuple(size(3), size(3), size(3), size(3)),
        async ({ n, cg, per, groups, h, w, stride }, pad) => {
          await agrees((g) =>
            ops.relu(
              ops.conv2d(
                { x: g.input("x", [n, cg * groups, h, w]), weight: g.param("weight", [per * groups, cg, 2, 3]) },
                { stride, groups, pad },
              ),
            ),
          );
        },
      ),
      runs,
    );
  });

  test("convolution with one filter per channel", async () => {
    const shape = fc.record({
      n: size(3),
      c4: size(5),
      h: size(9),
      w: size(13),
      kh: size(4),
      kw: size(4),
      stride: size(3),
      dilation: size(3),
      pads: fc.tuple(...[0, 1, 2, 3].map(() => fc.integer({ min: 6, max: 10 }))),
      f16: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ n, c4, h, w, kh, kw, stride, dilation, pads, f16 }) => {
        const c = 4 * c4;
        const names = await agrees(
          (g) => {
            const x = g.input("x", [n, c, h, w]);
            const weight = g.param("weight", [c, 1, kh, kw]);
            const y = ops.conv2d({ x, weight }, { groups: c, stride, dilation, pad: pads });
            return ops.silu(ops.add(y, g.input("residual", y.shape)));
          },
          { ...defaultOptions, dtype: { weights: f16 ? "f16" : "f32" } },
          f16 ? 5e-3 : 1e-4,
        );
        expect(names).toEqual(["conv2d.depthwise"]);
      }),
      runs,
    );
  });

  test.for(["tiled", "tiledRegisters", "tiledSubgroups"])("a gated linear unit: %s", async (kernel, { skip }) => {
    const bySubgroups = kernel === "tiledSubgroups";
    if (bySubgroups && !capable.caps.subgroupSize) skip("the adapter has no subgroups of one size");
    const others = ladders.gatedLinear.map(({ name }) => name).filter((name) => name !== `gatedLinear.${kernel}`);
    await fc.assert(
      fc.asyncProperty(size(20), size(9), size(3), async (rows, k4, o16) => {
        const names = await agrees(
          (g) => {
            const [k, o] = [4 * k4, 16 * o16];
            const y = ops.linear({ x: g.input("x", [2, rows, k]), weight: g.param("weight", [2 * o, k]) });
            const both = ops.add(y, g.param("bias", [2 * o]));
            const half = (begin: number) => ops.slice({ x: both }, { axis: 2, begin, end: begin + o });
            return ops.mul(half(0), ops.gelu(half(o)));
          },
          forbidding(...others),
          1e-4,
          bySubgroups ? capable : backend,
        );
        expect(names).toEqual([`gatedLinear.${kernel}`]);
      }),
      few,
    );
  });

  test("a linear layer of any depth, and one whose weight is computed", async () => {
    await fc.assert(
      fc.asyncProperty(size(5), size(9), size(9), async (rows, k, o) => {
        await agrees((g) => ops.linear({ x: g.input("x", [rows, k]), weight: g.input("weight", [o, k]) }));
        await agrees((g) => ops.linear({ x: g.input("x", [2, rows, 3, k]), weight: g.param("weight", [o, k]) }));
      }),
      few,
    );
  });

  test.for(ladders.attention.map(({ name }) => name))("%s", async (kernel, { skip }) => {
    if (kernel === "attention.flashSubgroups" && !capable.caps.subgroupSize)
      skip("the adapter has no subgroups of one size");
    const options = forbidding(...ladders.attention.map(({ name }) => name).filter((name) => name !== kernel));
    const wholeQuads = kernel === "attention.partiallyFused";
    const shape = fc.record({
      n: size(2),
      heads: size(3),
      d: wholeQuads ? fc.constantFrom(4, 8, 40) : fc.constantFrom(1, 4, 6, 8, 40, 65),
      t: size(70),
      s: size(80),
    });
    const kind = wholeQuads ? fc.constant("softmax" as const) : fc.constantFrom("softmax" as const, "relu" as const);
    await fc.assert(
      fc.asyncProperty(shape, kind, fc.boolean(), async ({ n, heads, d, t, s }, kind, causal) => {
        const keys = causal ? t : s;
        const names = await agrees(
          (g) =>
            ops.attention(
              {
                q: g.input("q", [n, t, heads * d]),
                k: g.input("k", [n, keys, heads * d]),
                v: g.input("v", [n, keys, heads * d]),
              },
              { heads, kind, causal },
            ),
          options,
          1e-4,
          capable,
        );
        expect(names).toEqual([kernel]);
      }),
      few,
    );
  });

  test("attention of wide heads", async () => {
    await agrees((g) =>
      ops.attention({ q: g.input("q", [1, 9, 512]), k: g.input("k", [1, 40, 512]), v: g.input("v", [1, 40, 512]) }),
    );
    const tooWide = agrees(
      (g) =>
        ops.attention({ q: g.input("q", [1, 1, 516]), k: g.input("k", [1, 1, 516]), v: g.input("v", [1, 1, 516]) }),
      forbidding("attention.partiallyFused"),
    );
    await expect(tooWide).rejects.toThrow("heads are 516 wide, this kernel holds at most 512");
  });

  test("norms and softmax", async () => {
    await fc.assert(
      fc.asyncProperty(size(2), size(6), size(3), size(9), size(9), async (n, per, groups, h, w) => {
        await agrees(
          (g) => {
            const x = g.input("x", [n, per * groups, h, w]);
            const [weight, bias] = [g.param("weight", [per * groups]), g.param("bias", [per * groups])];
            return ops.silu(ops.affine({ x, stats: ops.groupStats({ x }, { groups }), weight, bias }));
          },
          forbidding(h % 2 ? "groupNorm.alone" : "groupNorm.spread"),
        );
        await agrees((g) => {
          const x = g.input("x", [n, h, per * groups]);
          const y = ops.layerNorm({
            x,
            weight: g.param("weight", [per * groups]),
            bias: g.param("bias", [per * groups]),
          });
          return ops.softmax({ x: ops.gelu(y) });
        });
      }),
      few,
    );
  });

  test("group norm of a large picture, cut into blocks of pixels that it does not fill, with a mean far from 0", async () => {
    const names = await agrees((g) => {
      const x = ops.scale(g.input("x", [1, 12, 211, 223]), 1, 100);
      const [weight, bias] = [g.param("weight", [12]), g.param("bias", [12])];
      return ops.affine({ x, stats: ops.groupStats({ x }, { groups: 4 }), weight, bias });
    });
    expect(names.at(-1)).toBe("groupNorm.spread");
  });

  test("layer norm by subgroups: rows that fill their lanes and rows that do not", async ({ skip }) => {
    const lanes = capable.caps.subgroupSize;
    if (!lanes) skip("the adapter has no subgroups of one size");
    await fc.assert(
      fc.asyncProperty(size(40), size(40 * lanes!), async (rows, fours) => {
        const e = 4 * fours;
        const names = await agrees(
          (g) => {
            const x = ops.scale(g.input("x", [rows, e]), 1, 30); // a mean far from 0
            return ops.silu(ops.layerNorm({ x, weight: g.param("weight", [e]), bias: g.param("bias", [e]) }));
          },
          defaultOptions,
          1e-4,
          capable,
        );
        expect(names.at(-1)).toBe("layerNorm.subgroups");
      }),
      few,
    );
  });

  test("both halves of rows that are there already, and of pictures, gated", async () => {
    const shape = fc.record({ n: size(2), rows: size(20), o: size(40), inPictures: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(shape, async ({ n, rows, o, inPictures }) => {
        const names = await agrees((g) => {
          const x = g.input("x", inPictures ? [n, 3, rows, 2 * o] : [n, rows, 2 * o]);
          const half = (begin: number) => ops.slice({ x }, { axis: x.shape.length - 1, begin, end: begin + o });
          return ops.mul(half(0), ops.gelu(half(o)));
        });
        expect(names).toEqual(["gated.direct"]);
      }),
      runs,
    );
  });

  test("copies: concat, slice, upsample, reshape, of pictures and of rows", async () => {
    const shape = fc.record({ n: size(2), c: size(5), h: size(4), w: size(5) });
    await fc.assert(
      fc.asyncProperty(shape, size(3), fc.integer({ min: 0, max: 3 }), async ({ n, c, h, w }, more, axis) => {
        const other = [n, c, h, w].map((sizeHere, d) => (d === axis ? more : sizeHere));
        await agrees((g) => {
          const both = ops.concat({ a: g.input("a", [n, c, h, w]), b: g.input("b", other) }, { axis });
          return ops.slice({ x: both }, { axis, begin: 1, end: both.shape[axis] });
        });
        await agrees((g) => {
          const large = ops.upsample({ x: g.input("x", [n, c, h, w]) }, { height: 2 * h + 1, width: more });
          return ops.reshape(
            { x: ops.reshape({ x: large }, { shape: [n * c, (2 * h + 1) * more] }) },
            { shape: [c, n, more, 2 * h + 1] },
          );
        });
        await agrees((g) => {
          const picture = g.input("x", [n, c, h, w]);
          return ops.image({ x: ops.scale(ops.tokens({ x: picture }), 2, 1) }, { height: h });
        });
      }),
      few,
    );
  });

  test("blocks: gather, inside, scatter, scatterGather, of any number of channels", async () => {
    const shape = fc.record({
      c: size(9),
      h: size(9),
      w: size(9),
      size: size(6),
      t: size(3),
      shift: fc.tuple(...[0, 1].map(() => fc.integer({ min: -3, max: 2 }))),
      height: fc.integer({ min: 0, max: 12 }),
      width: size(12),
      isColumn: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(shape, async ({ c, h, w, size, t, shift, height, width, isColumn }) => {
        const attrs = { size, shift, height, width: height && width };
        const tiled = (g: Graph) => ({
          tiles: g.input("tiles", isColumn ? [1, c, 3 * t, t] : [3, c, t, t]),
          base: g.input("base", [1, c, h, w]),
          map: g.input("map", [Math.ceil(h / t), Math.ceil(w / t)], "i32"),
        });
        const at = (g: Graph) => g.input("at", [5, 2], "i32");
        await agrees((g) => ops.silu(ops.gather({ x: g.input("x", [1, c, h, w]), at: at(g) }, attrs)));
        await agrees((g) =>
          ops.inside({ x: g.input("x", [5, c, size, size]), at: at(g) }, { height: h, width: w, shift }),
        );
        await agrees((g) => ops.add(ops.scatter(tiled(g)), g.input("residual", [1, c, h, w])));
        await agrees((g) => ops.silu(ops.scatterGather({ ...tiled(g), at: at(g) }, attrs)));
      }),
      few,
    );
  });

  test("pointwise work broadcasts, and extremes stay finite", async () => {
    await fc.assert(
      fc.asyncProperty(size(2), size(8), size(3), size(3), async (n, c, h, w) => {
        await agrees((g) => {
          const sum = ops.mul(
            ops.add(g.input("x", [n, c, h, w]), g.input("rows", [c, h, 1])),
            g.input("column", [n, 1, 1, w]),
          );
          return ops.lerp(sum, g.input("pixels", [1, c, 1, 1]), g.input("number", [1]));
        });
      }),
      few,
    );
    const graph = new Graph();
    const x = graph.input("x", [7]);
    for (const name of ["silu", "gelu", "geluTanh", "quickGelu", "sigmoid", "tanh"] as const)
      graph.output(name, ops[name](x));
    const inputs = { x: [-1e4, -200, -90, 0, 90, 200, 1e4] };
    const [ours, theirs] = await Promise.all(
      [backend, reference()].map(async (on) => (await compile(graph, on)).run(inputs)),
    );
    for (const name of graph.outputs.keys())
      expectClose(await ours[name].read(), await theirs[name].read(), 1e-6 * 1e4, name);
  });

  test("embedding, with the table as f32 and as f16", async () => {
    const embed = (g: Graph) => ops.embed({ ids: g.input("ids", [2, 5], "i32"), table: g.param("table", [4, 7]) });
    await agrees(embed, defaultOptions, 1e-7);
    await agrees(embed, { ...defaultOptions, dtype: { weights: "f16" } }, 1e-3);
  });
});
