import { add, div, mul, sqrt, sub, value, type Expr } from "../graph/expr.ts";
import { Graph } from "../graph/graph.ts";
import { memo } from "../graph/memo.ts";
import type { Pass } from "../graph/rewrite.ts";
import type { Attrs, Tensor } from "../graph/tensor.ts";
import { concat } from "../ops/concat/op.ts";
import { applyPointwise } from "../ops/pointwise/op.ts";
import { slice } from "../ops/slice/op.ts";
import { nearest } from "../ops/upsample/op.ts";

/** Some neighbouring rows of a picture, or tokens: `from` to `to`, exclusive. */
interface Band {
  readonly from: number;
  readonly to: number;
}

/** A node that gives rows of another: what it reads, what changes in its attributes, and which rows come out. */
interface Part {
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly attrs?: Attrs;
  readonly rows: Band;
}

/** Tensors are cut along the rows of [n c h w] and the tokens of [n t e]. */
const axisOf = (t: Tensor) => t.shape.length - 2;
const rowsOf = (t: Tensor) => t.shape[axisOf(t)] ?? 1;

/**
 * Cuts what no binding of `maxBytes` holds into bands of rows, so that larger tensors never exist whole: convolutions
 * and matrix products are stored band by band; what costs no multiply-adds (upsampling, normalisation, activations) is
 * computed again for just the rows that a band reads; statistics of bands are combined. A 3×3 convolution is cut finer,
 * for its transforms by Winograd's algorithm to fit as well. A tensor that some op must have whole stays so, and the
 * backend refuses it.
 */
export const bands = (maxBytes: number): Pass => ({
  name: "bands",
  apply(old) {
    const bandBytes = maxBytes / 4;
    const isLarge = (t: Tensor, most = maxBytes) => 4 * t.elements > most && !isParam(t);
    const isCut = memo((t: Tensor): boolean => {
      const most = t.op.name === "conv2d" && t.inputs.weight.shape[2] === 3 ? bandBytes : maxBytes;
      return [t, ...t.reads].some((read) => isLarge(read, most)) && canCut(t);
    });
    const isStored = (t: Tensor) => isLarge(t) && isCut(t);
    if (!old.nodes.some(isCut)) return old;

    const graph = new Graph();
    const whole = memo((t: Tensor): Tensor => {
      if (!isCut(t)) return graph.copy(t, whole);
      return t.op.name === "groupStats" ? statistics(t) : joined(stored(t).map(([, tensor]) => tensor));
    });

    /** All of a tensor, band by band. */
    const stored = memo((t: Tensor) =>
      bandsOf(t, bandBytes).map((band): readonly [Band, Tensor] => [band, computed(t, band)]),
    );

    /** Rows of a tensor: out of its whole, out of its bands, or computed for the purpose. */
    function rows(t: Tensor, { from, to }: Band): Tensor {
      if (!isStored(t)) return cut(whole(t), { from, to });
      if (!t.op.macs(t)) return computed(t, { from, to });
      const pieces = stored(t).filter(([own]) => own.from < to && from < own.to);
      return joined(
        pieces.map(([own, piece]) =>
          cut(piece, { from: Math.max(0, from - own.from), to: Math.min(to, own.to) - own.from }),
        ),
      );
    }

    const known = new Map<string, Tensor>();
    /** The node for some rows of its result. */
    function computed(t: Tensor, band: Band): Tensor {
      const key = `${t.id} ${band.from} ${band.to}`;
      if (known.has(key)) return known.get(key)!;
      const { inputs, attrs, rows: given } = part(t, band);
      const epilogue = t.epilogue && {
        ...t.epilogue,
        operands: t.epilogue.operands.map((operand) => aligned(operand, t, band)),
      };
      const shape = t.shape.with(axisOf(t), given.to - given.from);
      const node = graph.add({ ...t, inputs, attrs: { ...t.attrs, ...attrs }, shape, epilogue });
      const result = cut(node, { from: band.from - given.from, to: band.to - given.from });
      known.set(key, result);
      return result;
    }

    function part(t: Tensor, band: Band): Part {
      const { op, inputs, attrs, shape } = t;
      const { x } = inputs;
      switch (op.name) {
        case "conv2d": {
          const { stride, dilation, pad } = attrs as { stride: number; dilation: number; pad: readonly number[] };
          const first = band.from * stride - pad[0];
          const end = (band.to - 1) * stride - pad[0] + dilation * (inputs.weight.shape[2] - 1) + 1;
          const read = { from: Math.max(0, first), to: Math.min(rowsOf(x), end) };
          const padded = [read.from - first, pad[1], end - read.to, pad[3]];
          return {
            inputs: { x: rows(x, read), weight: whole(inputs.weight) },
            attrs: { pad: padded },
            rows: band,
          };
        }
        case "upsample": {
          const factor = shape[2] / rowsOf(x);
          const read = {
            from: nearest(band.from, rowsOf(x), shape[2]),
            to: nearest(band.to - 1, rowsOf(x), shape[2]) + 1,
          };
          const given = { from: read.from * factor, to: read.to * factor };
          return { inputs: { x: rows(x, read) }, attrs: { height: given.to - given.from }, rows: given };
        }
        case "tokens": {
          const width = x.shape[3];
          const read = { from: Math.floor(band.from / width), to: Math.ceil(band.to / width) };
          return { inputs: { x: rows(x, read) }, rows: { from: read.from * width, to: read.to * width } };
        }
        case "image": {
          const read = { from: band.from * shape[3], to: band.to * shape[3] };
          return { inputs: { x: rows(x, read) }, attrs: { height: band.to - band.from }, rows: band };
        }
        default:
          return {
            inputs: Object.fromEntries(
              Object.entries(inputs).map(([name, operand]) => [
                name,
                op.locality(name) === "point" ? aligned(operand, t, band) : whole(operand),
              ]),
            ),
            rows: band,
          };
      }
    }

    /** What belongs to some rows of a node's result of an operand that is read point by point and may broadcast. */
    const aligned = (operand: Tensor, node: Tensor, band: Band): Tensor =>
      operand.shape.length >= 2 && rowsOf(operand) === rowsOf(node) ? rows(operand, band) : whole(operand);

    /** Mean and 1 / √(variance + eps) of all rows, from those of one band after the other (Chan et al. 1983, eq. 2.1). */
    function statistics(t: Tensor): Tensor {
      const { x } = t.inputs;
      const squared = (r: Expr) => div(1, mul(r, r));
      let mean: Tensor | undefined;
      let spread: Tensor | undefined; // variance + eps
      for (const band of bandsOf(x, bandBytes)) {
        const own = graph.add({ ...t, inputs: { x: rows(x, band) } });
        const [m, rstd] = [0, 1].map((begin) => slice({ x: own }, { axis: 2, begin, end: begin + 1 }));
        const share = (band.to - band.from) / band.to;
        const mix = (a: Expr, b: Expr) => add(mul(1 - share, a), mul(share, b));
        if (!mean || !spread) {
          [mean, spread] = [m, applyPointwise("variance", [rstd], squared(value(0)))];
          continue;
        }
        const gap = sub(value(2), value(3));
        const both = add(mix(value(0), squared(value(1))), mul(share * (1 - share), mul(gap, gap)));
        spread = applyPointwise("variance", [spread, rstd, mean, m], both);
        mean = applyPointwise("mean", [mean, m], mix(value(0), value(1)));
      }
      const rstd = applyPointwise("rstd", [spread!], div(1, sqrt(value(0))));
      return concat({ a: mean!, b: rstd }, { axis: 2 });
    }

    for (const [name, t] of old.inputs) graph.input(name, t.shape, t.dtype);
    for (const t of old.nodes) if (!isStored(t)) whole(t);
    for (const [name, t] of old.outputs) graph.output(name, whole(t));
    return graph;
  },
});

/** Whether rows of a node's result can be computed from rows of what it reads. */
function canCut({ op, inputs, attrs, shape }: Tensor): boolean {
  const isAcross = shape.length < 2 || attrs.axis === shape.length - 2;
  switch (op.name) {
    case "groupStats":
    case "tokens":
    case "image":
      return true;
    case "conv2d": {
      const [top, , bottom] = attrs.pad as readonly number[];
      return Math.max(top, bottom) <= (attrs.dilation as number) * (inputs.weight.shape[2] - 1); // every window sees a row
    }
    case "upsample":
      return shape[2] % rowsOf(inputs.x) === 0;
    case "attention":
      return !attrs.causal;
    default:
      return byRows.has(op.name) && !isAcross;
  }
}

/** Ops whose result's rows read the same rows of their operands, or all of them. */
const byRows = new Set(["pointwise", "affine", "concat", "gated", "gatedLinear", "layerNorm", "linear", "slice"]);

const isParam = (t: Tensor): boolean => t.op.name === "param" || (t.op.name === "reshape" && isParam(t.inputs.x));

/** Bands of equal height, the last one lower, of which neither the node's result nor what it reads exceeds `bytes`. */
function bandsOf(t: Tensor, bytes: number): Band[] {
  const count = rowsOf(t);
  const perRow = Math.max(...[t, ...t.reads.filter((read) => !isParam(read))].map((r) => (4 * r.elements) / count));
  const fitting = Math.max(1, Math.floor(bytes / perRow));
  const even = Math.ceil(count / Math.ceil(count / fitting));
  // Whole tiles of Winograd's algorithm, where there is room.
  const height = Math.min(4 * Math.ceil(even / 4), fitting);
  return Array.from({ length: Math.ceil(count / height) }, (_, i) => ({
    from: i * height,
    to: Math.min(count, (i + 1) * height),
  }));
}

/** Rows of a tensor, which is itself if those are all. */
function cut(t: Tensor, { from, to }: Band): Tensor {
  return from === 0 && to === rowsOf(t) ? t : slice({ x: t }, { axis: axisOf(t), begin: from, end: to });
}

/** Tensors below each other. */
function joined(parts: readonly Tensor[]): Tensor {
  if (parts.length === 1) return parts[0];
  const half = Math.ceil(parts.length / 2);
  return concat({ a: joined(parts.slice(0, half)), b: joined(parts.slice(half)) }, { axis: axisOf(parts[0]) });
}
