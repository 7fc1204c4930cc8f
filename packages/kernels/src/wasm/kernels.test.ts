import { memorySource } from "@tessera/safetensors";
import { expectClose, maxAbs } from "@tessera/testing";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, planFor } from "../compile.ts";
import * as E from "../graph/expr.ts";
import { Graph } from "../graph/graph.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import { applyPointwise } from "../ops/pointwise/op.ts";
import { defaultOptions, without, type Options } from "../options.ts";
import type { Backend } from "../plan/backend.ts";
import { reference } from "../reference/index.ts";
import { wasm } from "./index.ts";

let threads: Backend[];
beforeAll(
  async () => void (threads = [await wasm({ threads: 0 }), await wasm({ threads: 1 }), await wasm({ threads: 3 })]),
);
afterAll(() => Promise.all(threads.map((b) => b.dispose())));

/** Numbers that depend on the name alone and are exact halves, so that f16 weights lose nothing. */
function numbers(name: string, count: number, amplitude = 2): Float32Array {
  let state = [...name].reduce((h, c) => Math.imul(h ^ c.charCodeAt(0), 16777619), 2166136261);
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (Math.round((state / 2 ** 31) * 512) / 512) * amplitude;
  });
}

/** Runs a graph on the reference and on 0, 1 and 3 threads: the threads must agree to the bit. */
async function agrees(build: (g: Graph) => Tensor, options: Options = defaultOptions, tolerance = 2e-6): Promise<void> {
  const make = () => {
    const g = new Graph();
    g.output("out", build(g));
    return g;
  };
  const run = async (backend: Backend, options: Options): Promise<Float32Array> => {
    const g = make();
    const weights = memorySource(
      Object.fromEntries(
        [...g.params].map(([name, t]) => [
          name,
          { dtype: "F32" as const, shape: t.shape, data: new Uint8Array(numbers(name, t.elements).buffer) },
        ]),
      ),
    );
    const program = await compile(g, backend, { weights, options });
    const inputs = Object.fromEntries(
      [...g.inputs].map(([name, t]) => {
        const data = numbers(name, t.elements);
        return [name, t.dtype === "i32" ? Int32Array.from(data, (x) => Math.floor(Math.abs(x) * 4)) : data];
      }),
    );
    const out = await (await program.run(inputs)).out.read();
    program.dispose();
    return out;
  };
  const expected = await run(reference(), defaultOptions);
  const results: Float32Array[] = [];
  for (const backend of threads) results.push(await run(backend, options));
  expectClose(results[0], expected, tolerance * Math.max(1, maxAbs(expected)) * 4);
  expect(results[1]).toEqual(results[0]);
  expect(results[2]).toEqual(results[0]);
}

const halves: Options = { ...defaultOptions, dtype: { weights: "f16" } };
const check = (property: fc.IAsyncProperty<any>, numRuns = 12) => fc.assert(property, { numRuns, seed: 7 });
const size = (max: number) => fc.integer({ min: 1, max });

/** bias, residual and silu, all absorbed. */
const finish = (g: Graph, y: Tensor, channels: Shape): Tensor =>
  ops.add(ops.silu(ops.add(y, g.param("bias", channels))), g.input("residual", y.shape));

describe("products", () => {
  const conv = fc.record({
    n: size(2),
    ci: size(21),
    co: size(37),
    h: size(9),
    w: size(9),
    kh: size(3),
    kw: size(3),
    stride: size(2),
    dilation: size(2),
    pad: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
    half: fc.boolean(),
    computed: fc.boolean(),
    epilogue: fc.boolean(),
  });
  test("conv2d", () =>
    check(
      fc.asyncProperty(conv, async ({ n, ci, co, h, w, kh, kw, stride, dilation, pad, half, computed, epilogue }) => {
        fc.pre(h + pad[0] + pad[2] > dilation * (kh - 1) && w + pad[1] + pad[3] > dilation * (kw - 1));
        await agrees(
          (g) => {
            const weight = computed ? g.input("weight", [co, ci, kh, kw]) : g.param("weight", [co, ci, kh, kw]);
            const y = ops.conv2d({ x: g.input("x", [n, ci, h, w]), weight }, { stride, dilation, pad });
            return epilogue ? finish(g, y, [co, 1, 1]) : y;
          },
          half ? halves : defaultOptions,
          1e-5,
        );
      }),
      25,
    ));

  const others = (m: number) => [`winograd${6 - m}`, "conv2d.gemm[2x16]", "depthwise", "direct"];
  const picture = fc.record({
    n: size(2),
    ci: size(9),
    co: size(37),
    h: size(11),
    w: size(11),
    pad: fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2)),
    half: fc.boolean(),
  });
  test.each([2, 4])("conv2d by F(m×m, 3×3), m = %i", (m) =>
    check(
      fc.asyncProperty(picture, async ({ n, ci, co, h, w, pad, half }) => {
        fc.pre(h + pad[0] + pad[2] > 2 && w + pad[1] + pad[3] > 2);
        await agrees(
          (g) => {
            const x = g.input("x", [n, 4 * ci, h, w]);
            const y = ops.conv2d({ x, weight: g.param("weight", [co, 4 * ci, 3, 3]) }, { pad });
            return finish(g, y, [co, 1, 1]);
          },
          { ...without(...others(m)), dtype: { weights: half ? "f16" : "f32" } },
          1e-5,
        );
      }),
    ),
  );

  test.each([
    [2, 1.2e-6, 1e-5],
    [4, 3.5e-6, 3e-5],
  ])("the error of F(m×m, 3×3), m = %i, over 1280 channels and several blocks", async (m, rms, largest) => {
    const [ci, co, side] = [1280, 16, 16];
    const build = () => {
      const g = new Graph();
      const x = g.input("x", [1, ci, side, side]);
      g.output("y", ops.conv2d({ x, weight: g.param("weight", [co, ci, 3, 3]) }, { pad: [1, 1, 1, 1] }));
      return g;
    };
    // Uniform numbers of variance 1 and 1 / (9 ci): results of variance 1.
    const data = numbers("weight", co * ci * 9, Math.sqrt(3 / (9 * ci)));
    const weights = memorySource({
      weight: { dtype: "F32", shape: [co, ci, 3, 3], data: new Uint8Array(data.buffer) },
    });
    const x = numbers("x", ci * side * side, Math.sqrt(3));
    const run = async (backend: Backend, options: Options) => {
      const program = await compile(build(), backend, { weights, options });
      const y = await (await program.run({ x })).y.read();
      const names = program.plan.calls.map(({ kernel }) => kernel.name);
      program.dispose();
      return { y, names };
    };
    const expected = await run(reference(), defaultOptions);
    const { y, names } = await run(threads[1], without(...others(m)));
    expect(names).toEqual([`conv2d.winograd${m}`]);
    const errors = y.map((v, i) => v - expected.y[i]);
    expect(Math.sqrt(errors.reduce((sum, e) => sum + e * e, 0) / errors.length)).toBeLessThan(rms);
    expect(maxAbs(errors)).toBeLessThan(largest);
  });

  test("conv2d with groups, depthwise and not", () =>
    check(
      fc.asyncProperty(size(6), size(3), size(3), size(8), (groups, cg, m, h) =>
        agrees(
          (g) => {
            const weight = g.param("weight", [groups * m, cg, 3, 3]);
            const x = g.input("x", [2, groups * cg, h, 5]);
            return finish(g, ops.conv2d({ x, weight }, { groups, pad: [1, 1, 1, 1] }), [groups * m, 1, 1]);
          },
          defaultOptions,
          1e-5,
        ),
      ),
    ));

  test("conv2d deeper than a block, with time embedding", () =>
    agrees(
      (g) => {
        const y = ops.conv2d(
          { x: g.input("x", [2, 800, 3, 5]), weight: g.param("weight", [40, 800, 3, 3]) },
          { pad: [1, 1, 1, 1] },
        );
        return ops.silu(ops.add(ops.add(y, g.param("bias", [40, 1, 1])), g.input("time", [2, 40, 1, 1])));
      },
      halves,
      1e-5,
    ));

  test("linear along the rows of a picture", () =>
    agrees(
      (g) => finish(g, ops.linear({ x: g.input("x", [2, 3, 5, 7]), weight: g.param("weight", [6, 7]) }), [6]),
      defaultOptions,
      1e-5,
    ));

  test("linear", () =>
    check(
      fc.asyncProperty(size(150), size(420), size(50), fc.boolean(), fc.boolean(), (b, k, o, half, computed) =>
        agrees(
          (g) => {
            const weight = computed ? g.input("weight", [o, k]) : g.param("weight", [o, k]);
            return finish(g, ops.linear({ x: g.input("x", [1, b, k]), weight }), [o]);
          },
          half ? halves : defaultOptions,
          1e-5,
        ),
      ),
    ));

  test.each([
    { tokens: 259, k: 800, o: 33, what: "an odd number of rows, three blocks of depth" },
    { tokens: 512, k: 400, o: 48, what: "an even number of rows, two blocks of depth" },
    { tokens: 515, k: 20, o: 700, what: "blocks of more rows, as there are many columns" },
  ])("linear of several blocks of rows: $what", ({ tokens, k, o }) =>
    agrees(
      (g) => finish(g, ops.linear({ x: g.input("x", [1, tokens, k]), weight: g.param("weight", [o, k]) }), [o]),
      halves,
      1e-5,
    ),
  );
});

test("attention", () => {
  const shapes = fc.record({
    t: size(140),
    s: size(170),
    heads: size(3),
    d: fc.constantFrom(1, 3, 8, 20, 40, 64),
    n: size(2),
    kind: fc.constantFrom("softmax" as const, "relu" as const),
    causal: fc.boolean(),
  });
  return check(
    fc.asyncProperty(shapes, ({ n, t, s, heads, d, kind, causal }) =>
      agrees(
        (g) => {
          const tokens = (name: string, count: number) => g.input(name, [n, count, heads * d]);
          const keys = causal ? t : s;
          return ops.attention(
            { q: tokens("q", t), k: tokens("k", keys), v: tokens("v", keys) },
            { heads, kind, causal },
          );
        },
        defaultOptions,
        1e-5,
      ),
    ),
    20,
  );
});

describe("norms", () => {
  test("group norm with silu", () =>
    check(
      fc.asyncProperty(size(2), size(5), size(7), size(10), size(7), (n, groups, per, h, w) =>
        agrees(
          (g) => {
            const x = ops.add(g.input("x", [n, groups * per, h, w]), g.input("shift", [1]));
            const stats = ops.groupStats({ x }, { groups, eps: 1e-3 });
            return ops.silu(
              ops.affine({
                x,
                stats,
                weight: g.param("weight", [groups * per]),
                bias: g.param("bias", [groups * per]),
              }),
            );
          },
          defaultOptions,
          1e-5,
        ),
      ),
    ));

  test("means far above the deviation", async () => {
    const [channels, side] = [24, 9];
    const g = new Graph();
    const x = g.input("x", [1, channels, side, side]);
    g.output("stats", ops.groupStats({ x }, { groups: 4 }));
    const rows = ops.reshape({ x }, { shape: [channels, side * side] });
    const ones = { weight: g.input("ones", [side * side]), bias: g.input("zeros", [side * side]) };
    g.output("rows", ops.layerNorm({ x: rows, ...ones }));
    const inputs = {
      x: numbers("x", x.elements).map((v) => v + 4000),
      ones: new Float32Array(side * side).fill(1),
      zeros: new Float32Array(side * side),
    };
    const run = async (backend: Backend) => {
      const program = await compile(g, backend);
      const out = await program.run(inputs);
      const [stats, rows] = [await out.stats.read(), await out.rows.read()];
      program.dispose();
      return { stats, rows };
    };
    const expected = await run(reference());
    const found = await run(threads[1]);
    found.stats.forEach((v, i) => expect(Math.abs(v / expected.stats[i] - 1)).toBeLessThan(1e-6));
    expectClose(found.rows, expected.rows, 3e-6);
  });

  test("layer norm and softmax, rows and pictures", () =>
    check(
      fc.asyncProperty(fc.array(size(9), { minLength: 1, maxLength: 4 }), size(40), async (lead, e) => {
        const shape = [...lead.slice(0, 3), e];
        await agrees(
          (g) =>
            ops.gelu(
              ops.layerNorm(
                { x: g.input("x", shape), weight: g.param("weight", [e]), bias: g.param("bias", [e]) },
                { eps: 1e-2 },
              ),
            ),
          defaultOptions,
          1e-5,
        );
        await agrees((g) => ops.softmax({ x: g.input("x", shape) }));
      }),
    ));
});

describe("pointwise", () => {
  test("operands broadcast from the right, whatever their rank", () =>
    check(
      fc.asyncProperty(
        fc.array(size(6), { minLength: 1, maxLength: 4 }),
        fc.array(fc.tuple(fc.nat(4), fc.nat(15)), { minLength: 1, maxLength: 3 }),
        (shape, others) =>
          agrees((g) => {
            const x = g.input("x", shape);
            return others.reduce((y, [drop, mask], k) => {
              const kept = shape.slice(Math.min(drop, shape.length)).map((n, d) => ((mask >> d) & 1 ? 1 : n));
              return ops.mul(ops.add(y, g.input(`o${k}`, kept)), g.input(`p${k}`, [1]));
            }, x);
          }),
      ),
      40,
    ));

  test("every function over its whole range", () => {
    const x = E.value(0);
    const functions = [
      E.exp(x),
      E.erf(x),
      E.sqrt(E.abs(x)),
      E.min(1.5, x),
      E.max(x, -0.5),
      E.div(1, E.add(1, E.exp(E.sub(0, x)))),
    ];
    return Promise.all(
      functions.map((f) => agrees((g) => applyPointwise("f", [g.input("x", [5001])], f), defaultOptions, 1e-7)),
    );
  });

  test("exp and erf saturate", async () => {
    const g = new Graph();
    const x = g.input("x", [7]);
    g.output("exp", applyPointwise("exp", [x], E.exp(E.value(0))));
    g.output("erf", applyPointwise("erf", [x], E.erf(E.value(0))));
    const program = await compile(g, threads[1]);
    const { exp, erf } = await program.run({ x: [-1e4, -Infinity, -100, 1e4, Infinity, NaN, 88] });
    expect([...(await exp.read())].slice(0, 6)).toEqual([0, 0, 0, Infinity, Infinity, NaN]);
    expect((await exp.read())[6] / Math.exp(88)).toBeCloseTo(1, 6);
    expect([...(await erf.read())]).toEqual([-1, -1, -1, 1, 1, NaN, 1]);
    program.dispose();
  });

  test("exp is within 2 ulp, erf within 4e-7", async () => {
    const g = new Graph();
    const x = g.input("x", [20001]);
    g.output("exp", applyPointwise("exp", [x], E.exp(E.value(0))));
    g.output("erf", applyPointwise("erf", [x], E.erf(E.value(0))));
    const program = await compile(g, threads[2]);
    const xs = Float32Array.from({ length: 20001 }, (_, i) => (i - 10000) / 150);
    const { exp, erf } = await program.run({ x: xs });
    const [powers, errors] = [await exp.read(), await erf.read()];
    let [worst, worstErf] = [0, 0];
    xs.forEach((v, i) => {
      worst = Math.max(worst, Math.abs(powers[i] / Math.exp(v) - 1));
      worstErf = Math.max(worstErf, Math.abs(errors[i] - E.evaluate(E.erf(E.value(0)), [v])));
    });
    expect(worst).toBeLessThan(2 * 2 ** -23);
    expect(worstErf).toBeLessThan(4e-7);
    program.dispose();
  });

  test("logistic and GELU, to their ends", async () => {
    const g = new Graph();
    const x = g.input("x", [20006]);
    g.output("sigmoid", ops.sigmoid(x));
    g.output("silu", ops.silu(x));
    g.output("tanh", ops.tanh(x));
    g.output("quickGelu", ops.quickGelu(x));
    g.output("gelu", ops.gelu(x));
    const xs = Float32Array.from({ length: 20006 }, (_, i) => (i - 10000) / 700);
    xs.set([-1e30, -200, -90, 90, 1e30], 20001);
    const program = await compile(g, threads[2]);
    const device = await program.run({ x: xs });
    const host = await (await compile(g, reference())).run({ x: xs });
    for (const [name, error] of Object.entries({
      sigmoid: 2e-7,
      silu: 2e-7,
      tanh: 5e-7,
      quickGelu: 3e-7,
      gelu: 6e-7,
    })) {
      const [found, expected] = [await device[name].read(), await host[name].read()];
      const errors = found.map((v, i) => Math.abs(v - expected[i]) / Math.max(1, Math.abs(xs[i])));
      expect(maxAbs(errors), name).toBeLessThan(error);
    }
    program.dispose();
  });

  test("infinite and missing numbers come through activations", async () => {
    const g = new Graph();
    const x = g.input("x", [3]);
    g.output("sigmoid", ops.sigmoid(x));
    g.output("gelu", ops.gelu(x));
    const program = await compile(g, threads[1]);
    const { sigmoid, gelu } = await program.run({ x: [-Infinity, Infinity, NaN] });
    expect([...(await sigmoid.read())].map((v) => +v.toFixed(20))).toEqual([0, 1, NaN]);
    expect([...(await gelu.read())]).toEqual([0, Infinity, NaN]);
    program.dispose();
  });

  test("results lie where operands lay that nobody reads any more", async () => {
    const build = (g: Graph) => {
      const normed = ops.layerNorm({
        x: ops.gelu(ops.pool({ x: g.input("x", [2, 6, 8, 7]) })),
        weight: g.param("row.weight", [3]),
        bias: g.param("row.bias", [3]),
      });
      const stats = ops.groupStats({ x: normed }, { groups: 3 });
      return ops.affine({ x: normed, stats, weight: g.param("weight", [6]), bias: g.param("bias", [6]) });
    };
    await agrees((g) => ops.softmax({ x: build(g) }));
    await agrees((g) => {
      const y = build(g);
      return ops.add(ops.pool({ x: ops.silu(y) }), ops.pool({ x: y })); // y is read twice
    });
    await agrees((g) => {
      const y = build(g);
      g.output("early", y);
      return ops.softmax({ x: y });
    });
    const placesOf = (keep: boolean) => {
      const g = new Graph();
      const y = build(g);
      g.output("y", ops.softmax({ x: y }));
      if (keep) g.output("early", y);
      const places = planFor(g, threads[1]).calls.map(({ result }) => result as { offset: number });
      return new Set(places.map(({ offset }) => offset)).size;
    };
    expect(placesOf(false)).toBe(2); // the statistics have their own
    expect(placesOf(true)).toBe(3);
  });

  test("halves are combined where they lie", () =>
    check(
      fc.asyncProperty(
        fc.array(size(6), { minLength: 0, maxLength: 3 }),
        size(20),
        fc.boolean(),
        (lead, half, second) =>
          agrees((g) => {
            const x = g.input("x", [...lead, 2 * half]);
            const axis = lead.length;
            const part = (begin: number) => ops.slice({ x }, { axis, begin, end: begin + half });
            const [a, b] = second ? [part(half), part(0)] : [part(0), part(half)];
            return ops.mul(a, ops.gelu(b));
          }),
      ),
    ));

  test("a long row is split over threads", () => agrees((g) => ops.relu(g.input("x", [1, 3, 61, 89]))));
});

describe("moving numbers", () => {
  test("concat and slice along every axis", () =>
    check(
      fc.asyncProperty(
        fc.array(size(6), { minLength: 1, maxLength: 4 }),
        fc.nat(3),
        size(5),
        fc.nat(5),
        (shape, d, more, from) => {
          const axis = d % shape.length;
          const other = shape.with(axis, more);
          const whole = shape[axis] + more;
          return agrees((g) => {
            const y = ops.concat({ a: g.input("a", shape), b: g.input("b", other) }, { axis });
            return ops.slice({ x: y }, { axis, begin: from % whole, end: whole });
          });
        },
      ),
      25,
    ));

  test("upsample", () =>
    check(
      fc.asyncProperty(size(2), size(9), size(7), size(7), size(15), size(15), (n, c, h, w, height, width) =>
        agrees((g) => ops.upsample({ x: g.input("x", [n, c, h, w]) }, { height, width })),
      ),
    ));

  test("reshape between pictures and rows", () =>
    check(
      fc.asyncProperty(size(3), size(5), size(4), size(6), async (n, c, h, w) => {
        await agrees((g) => ops.relu(ops.reshape({ x: g.input("x", [n, c, h, w]) }, { shape: [n * c, h * w] })));
        await agrees((g) => ops.relu(ops.reshape({ x: g.input("x", [n * h, c * w]) }, { shape: [n, c, h, w] })));
      }),
    ));

  test.each([defaultOptions, halves])("embed", async (options) => {
    await agrees((g) => {
      const ids = g.input("ids", [2, 3], "i32");
      return ops.embed({ ids, table: g.param("table", [9, 13]) });
    }, options);
    await agrees((g) => ops.embed({ ids: g.input("ids", [2, 3, 2], "i32"), table: g.param("table", [9, 6]) }), options);
  });
});
