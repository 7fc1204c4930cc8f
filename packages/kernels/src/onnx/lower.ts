import { match, print, type Expr } from "../graph/expr.ts";
import { product, type Shape, type Tensor } from "../graph/tensor.ts";
import { broadcast } from "../ops/pointwise/op.ts";
import type { OnnxAttribute } from "./model.ts";

/** Where a lowering puts what it makes. Values are named by strings, as in ONNX. */
export interface Emitter {
  /** The value of a tensor. */
  value(t: Tensor): string;
  /** A parameter in the form [k o]; undefined for what is computed. */
  transposedParam(t: Tensor): string | undefined;
  /** Appends a node and returns its result. */
  emit(opType: string, inputs: readonly string[], attributes?: Readonly<Record<string, OnnxAttribute>>): string;
  /** Constants. */
  ints(values: readonly number[]): string;
  floats(values: ArrayLike<number>, shape: Shape): string;
}

type Lowering = (e: Emitter, node: Tensor) => string;

/**
 * The tensors that a node's lowering reads. Group norm over its own statistics is one operator in ONNX, so there the
 * statistics are not needed.
 */
export function operands(node: Tensor): readonly Tensor[] {
  if (!isGroupNorm(node)) return node.reads;
  const { x, weight, bias } = node.inputs;
  return [x, weight, bias, ...(node.epilogue?.operands ?? [])];
}

const isGroupNorm = ({ op, inputs: { x, stats } }: Tensor): boolean =>
  op.name === "affine" && stats.op.name === "groupStats" && stats.inputs.x === x;

/** How each op is said in ONNX, without its epilogue. An op that is absent cannot be exported, and is refused by name. */
export const lowerings: Readonly<Record<string, Lowering | undefined>> = {
  conv2d(e, { inputs: { x, weight }, attrs: { stride, pad, groups, dilation } }) {
    const attributes = {
      kernel_shape: weight.shape.slice(2),
      strides: [stride as number, stride as number],
      pads: pad as readonly number[],
      dilations: [dilation as number, dilation as number],
      group: groups as number,
    };
    return e.emit("Conv", [e.value(x), e.value(weight)], attributes);
  },

  linear(e, { inputs: { x, weight } }) {
    if (x.shape.length === 2) return e.emit("Gemm", [e.value(x), e.value(weight)], { transB: 1 });
    const transposed = e.transposedParam(weight) ?? e.emit("Transpose", [e.value(weight)], { perm: [1, 0] });
    return e.emit("MatMul", [e.value(x), transposed]);
  },

  attention(e, { inputs: { q, k, v }, shape, attrs: { heads, causal, kind } }) {
    const [n, t, width] = shape;
    const s = k.shape[1];
    const depth = width / (heads as number);
    const split = (x: Tensor, perm: readonly number[]) => {
      const parts = e.emit("Reshape", [e.value(x), e.ints([n, x.shape[1], heads as number, depth])]);
      return e.emit("Transpose", [parts], { perm });
    };
    const scaled = e.emit("Mul", [split(q, [0, 2, 1, 3]), scalar(e, 1 / Math.sqrt(depth))]); // [n, heads, t, d]
    let weights = e.emit("MatMul", [scaled, split(k, [0, 2, 3, 1])]); // [n, heads, t, s]
    const hidden = (seen: number, later: number) =>
      e.floats(
        Float32Array.from({ length: t * s }, (_, i) => (i % s > Math.floor(i / s) ? later : seen)),
        [t, s],
      );
    if (kind === "relu") {
      weights = e.emit("Relu", [weights]);
      if (causal) weights = e.emit("Mul", [weights, hidden(1, 0)]);
      weights = e.emit("Div", [weights, scalar(e, s)]);
    } else {
      if (causal) weights = e.emit("Add", [weights, hidden(0, -Infinity)]);
      weights = e.emit("Softmax", [weights], { axis: -1 });
    }
    const attended = e.emit("MatMul", [weights, split(v, [0, 2, 1, 3])]); // [n, heads, t, d]
    return e.emit("Reshape", [e.emit("Transpose", [attended], { perm: [0, 2, 1, 3] }), e.ints(shape)]);
  },

  affine(e, node) {
    const { x, stats, weight, bias } = node.inputs;
    const [n, c] = x.shape;
    const groups = stats.shape[1];
    const grouped = e.emit("Reshape", [e.value(x), e.ints([n, groups, x.elements / n / groups])]);
    let normed: string;
    if (isGroupNorm(node)) {
      // Group norm is instance norm over groups laid out as channels.
      const [ones, zeros] = [new Float32Array(groups).fill(1), new Float32Array(groups)];
      normed = e.emit("InstanceNormalization", [grouped, e.floats(ones, [groups]), e.floats(zeros, [groups])], {
        epsilon: { float: stats.attrs.eps as number },
      });
    } else {
      const part = (begin: number) =>
        e.emit("Slice", [e.value(stats), e.ints([begin]), e.ints([begin + 1]), e.ints([2])]);
      normed = e.emit("Mul", [e.emit("Sub", [grouped, part(0)]), part(1)]);
    }
    const channels = (t: Tensor) => e.emit("Reshape", [e.value(t), e.ints([c, 1, 1])]);
    const scaled = e.emit("Mul", [e.emit("Reshape", [normed, e.ints(x.shape)]), channels(weight)]);
    return e.emit("Add", [scaled, channels(bias)]);
  },

  groupStats(e, { inputs: { x }, shape: [n, g], attrs: { eps } }) {
    const grouped = e.emit("Reshape", [e.value(x), e.ints([n, g, x.elements / n / g])]);
    const mean = (value: string) => e.emit("ReduceMean", [value, e.ints([2])]);
    const center = mean(grouped);
    const off = e.emit("Sub", [grouped, center]);
    const deviation = e.emit("Sqrt", [e.emit("Add", [mean(e.emit("Mul", [off, off])), scalar(e, eps as number)])]);
    return e.emit("Concat", [center, e.emit("Reciprocal", [deviation])], { axis: 2 });
  },

  layerNorm: (e, { inputs: { x, weight, bias }, attrs: { eps } }) =>
    e.emit("LayerNormalization", [e.value(x), e.value(weight), e.value(bias)], {
      axis: -1,
      epsilon: { float: eps as number },
    }),

  softmax: (e, { inputs: { x } }) => e.emit("Softmax", [e.value(x)], { axis: -1 }),

  upsample: (e, { inputs: { x }, shape }) =>
    e.emit("Resize", [e.value(x), "", "", e.ints(shape)], {
      mode: "nearest",
      coordinate_transformation_mode: "asymmetric",
      nearest_mode: "floor",
    }),

  gatedLinear(e, { inputs: { x, weight, bias }, shape, attrs: { expr } }) {
    const transposed = e.transposedParam(weight) ?? e.emit("Transpose", [e.value(weight)], { perm: [1, 0] });
    const whole = e.emit("Add", [e.emit("MatMul", [e.value(x), transposed]), e.value(bias)]);
    return lowerExpr(e, expr as Expr, halves(e, whole, shape));
  },

  gated: (e, { inputs: { x }, shape, attrs: { expr } }) => lowerExpr(e, expr as Expr, halves(e, e.value(x), shape)),

  pool: (e, { inputs: { x }, attrs: { kind, size, stride } }) =>
    e.emit(kind === "max" ? "MaxPool" : "AveragePool", [e.value(x)], {
      kernel_shape: [size as number, size as number],
      strides: [stride as number, stride as number],
    }),

  concat: (e, { inputs: { a, b }, attrs: { axis } }) =>
    e.emit("Concat", [e.value(a), e.value(b)], { axis: axis as number }),

  slice: (e, { inputs: { x }, attrs: { axis, begin, end } }) =>
    e.emit("Slice", [e.value(x), ...[begin, end, axis].map((n) => e.ints([n as number]))]),

  embed: (e, { inputs: { ids, table } }) => e.emit("Gather", [e.value(table), e.value(ids)], { axis: 0 }),

  reshape: (e, { inputs: { x }, shape }) => e.emit("Reshape", [e.value(x), e.ints(shape)]),

  tokens: (e, { inputs: { x }, shape: [n, t, c] }) =>
    e.emit("Transpose", [e.emit("Reshape", [e.value(x), e.ints([n, c, t])])], { perm: [0, 2, 1] }),

  image: (e, { inputs: { x }, shape }) =>
    e.emit("Reshape", [e.emit("Transpose", [e.value(x)], { perm: [0, 2, 1] }), e.ints(shape)]),

  timestepEmbedding(e, { inputs: { timestep }, shape: [n, dim], attrs: { flipSinToCos, freqShift } }) {
    const half = Math.floor(dim / 2);
    const frequencies = Float32Array.from({ length: half }, (_, i) =>
      Math.exp(Math.fround(Math.fround(Math.fround(-Math.log(10000)) * i) / (half - (freqShift as number)))),
    );
    const column = e.emit("Reshape", [e.value(timestep), e.ints([n, 1])]);
    const angles = e.emit("Mul", [column, e.floats(frequencies, [1, half])]);
    const waves = [e.emit("Sin", [angles]), e.emit("Cos", [angles])];
    if (flipSinToCos) waves.reverse();
    if (dim % 2) waves.push(e.floats(new Float32Array(n), [n, 1]));
    return e.emit("Concat", waves, { axis: 1 });
  },

  pointwise(e, node) {
    const expr = node.attrs.expr as Expr;
    const inputs = Object.values(node.inputs);
    const result = lowerExpr(
      e,
      expr,
      inputs.map((t) => e.value(t)),
    );
    // An operand that the expression does not use may still have given the result its shape.
    const shapes = inputs.filter((_, k) => uses(expr, k)).map((t) => t.shape);
    const shape = shapes.reduce<Shape>((a, b) => broadcast(a, b)!, []);
    return shape.join() === node.shape.join() ? result : e.emit("Expand", [result, e.ints(node.shape)]);
  },
};

/** The halves, of `shape` each, of what is twice as wide. */
function halves(e: Emitter, whole: string, shape: Shape): string[] {
  const [axis, width] = [shape.length - 1, shape.at(-1)!];
  return [0, width].map((begin) => e.emit("Slice", [whole, ...[begin, begin + width, axis].map((n) => e.ints([n]))]));
}

const scalar = (e: Emitter, value: number) => e.floats([value], []);

const uses = (expr: Expr, index: number): boolean =>
  expr.fn === "in" ? expr.index === index : "args" in expr && expr.args.some((a) => uses(a, index));

const opTypes: Readonly<Record<string, string>> = {
  add: "Add",
  sub: "Sub",
  mul: "Mul",
  div: "Div",
  min: "Min",
  max: "Max",
  exp: "Exp",
  sqrt: "Sqrt",
  abs: "Abs",
  erf: "Erf",
};

/** An expression over values; the activations that ONNX has operators for are found by their form. */
export function lowerExpr(e: Emitter, expr: Expr, values: readonly string[]): string {
  const made = new Map<string, string>();
  const lower = (x: Expr): string => {
    if (x.fn === "in") return values[x.index];
    if (x.fn === "const") return scalar(e, x.value);
    const key = print(x);
    const known = made.get(key);
    if (known !== undefined) return known;
    const activation = activations.find(({ form }) => match(form, x) !== undefined);
    const result = activation
      ? e.emit(activation.opType, [lower(match(activation.form, x)!)], activation.attributes)
      : e.emit(opTypes[x.fn], x.args.map(lower));
    made.set(key, result);
    return result;
  };
  return lower(expr);
}

const constant = (value: number): Expr => ({ fn: "const", value });
const call = (fn: "add" | "sub" | "mul" | "div" | "max" | "exp" | "erf", ...args: (Expr | number)[]): Expr => ({
  fn,
  args: args.map((a) => (typeof a === "number" ? constant(a) : a)),
});
const any: Expr = { fn: "in", index: 0 };
const tanhOf = (x: Expr) => call("sub", 1, call("div", 2, call("add", 1, call("exp", call("mul", 2, x)))));
const cubic = call("add", any, call("mul", 0.044715, call("mul", any, call("mul", any, any))));

/** Operators of one operand, largest form first. */
const activations: readonly {
  opType: string;
  form: Expr;
  attributes?: Readonly<Record<string, OnnxAttribute>>;
}[] = [
  {
    opType: "Gelu",
    form: call("mul", call("mul", 0.5, any), call("add", 1, call("erf", call("mul", any, Math.SQRT1_2)))),
  },
  {
    opType: "Gelu",
    form: call("mul", call("mul", 0.5, any), call("add", 1, tanhOf(call("mul", Math.sqrt(2 / Math.PI), cubic)))),
    attributes: { approximate: "tanh" },
  },
  { opType: "Sigmoid", form: call("div", 1, call("add", 1, call("exp", call("sub", 0, any)))) },
  { opType: "Tanh", form: tanhOf(any) },
  { opType: "Relu", form: call("max", any, 0) },
];

/** Numbers of the [o k] matrix in `bytes` (f32), as [k o]. */
export function transpose(data: Float32Array, [o, k]: Shape): Float32Array<ArrayBuffer> {
  const out = new Float32Array(product([o, k]));
  for (let i = 0; i < o; i++) for (let j = 0; j < k; j++) out[j * o + i] = data[i * k + j];
  return out;
}
