import { Graph, memo, ShapeError, type Attrs, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";
import { activeBlocks, blockMap, blockSet, type BlockSet } from "./blockSet.ts";
import { consumersOf, downstreamOf, gridOf, recorded, withFactors, type Grid } from "./analysis.ts";
import type { MaskPyramid } from "./mask.ts";
import { asRows } from "./recall.ts";

export interface SparsifyOptions {
  /** Names of the inputs that an edit changes; all others are the original's. */
  readonly edited: readonly string[];
  /** Convolutions of smaller pictures (shorter side, in pixels) are computed as a whole; default 16. Infinity: all are. */
  readonly resolution?: number;
  /** Convolutions, by module path, that are computed by blocks whatever the resolution. */
  readonly always?: (path: string) => boolean;
  /** Parts of the model, by module path, that stay as they are: computed as a whole, with statistics of their own. */
  readonly dense?: (path: string) => boolean;
  /**
   * Whose statistics group norms use: those of the original, as in the paper (default), or those of the edited picture, for
   * which each normalised picture is put together and read as a whole. An edit that is a large part of its picture
   * shifts them, and samplers may then arrive at another picture.
   */
  readonly statistics?: "original" | "edited";
  /**
   * The largest share of blocks that a run may be given, but 64 at least; default 1. What is made of blocks takes memory
   * for so many.
   */
  readonly room?: number;
  /** About how wide blocks are, for windows and for 1×1 convolutions; default 6 and 4, as in the paper. */
  readonly block?: { readonly window: number; readonly point: number };
}

/** One dense graph as two. */
export interface Sparsified {
  /** The graph with more outputs: what `sparse` must know of the original. */
  readonly full: Graph;
  /** The graph that computes only blocks: its further inputs are the states and the lists of blocks. */
  readonly sparse: Graph;
  /** Outputs of `full` that are inputs of `sparse` under the same name. */
  readonly states: readonly string[];
  /** The block geometries. */
  readonly sets: readonly BlockSet[];
  /**
   * The sparse graph with the named states' new tiles as further outputs, [1 k·t·t c]: what the cache must take over once
   * an edit is accepted. States without tiles stay what they are, and are left out: see `tiles`.
   */
  following(names: readonly string[]): Graph;
  /** The blocks whose tiles an edit changes in each state that it changes. */
  readonly tiles: ReadonlyMap<string, BlockSet>;
  /** The lists and maps of active blocks; without a pyramid of masks, none is active. */
  blocks(pyramid?: MaskPyramid): Record<string, Int32Array>;
}

/** How much of an old tensor's edited value is known. */
type Edited =
  /** All of it: it is the original's. */
  | { readonly kind: "original" }
  /** It is computed as a whole. */
  | { readonly kind: "dense"; readonly make: () => Tensor }
  /** Tiles of a set are computed; elsewhere it is the original's. */
  | { readonly kind: "tiles"; readonly set: BlockSet; readonly make: () => Tensor }
  /** Pointwise work on the way to blocks, done on those alone. */
  | { readonly kind: "lazy" };

/** The pixels of a block that its convolution reads, or those that it writes. */
type Part = "window" | "tile";

/**
 * Spatially sparse inference (Li et al. 2022) as a rewriting of graphs. Write S(v) for v's value on the original picture:
 *
 * - tile: conv(x) = scatter(conv(gather x)) over S(conv x), blocks gathered with their halo;
 * - sink: f(scatter t) = scatter(f t) over S(f), for any f that reads pixel by pixel: norms, activations, sums, linear
 *   layers, attention in its queries;
 * - meet: gather(scatter t) = scatterGather(t), so that between two convolutions no whole picture is written;
 * - statistics of group norms, and all that does not depend on an edited input, are S(v).
 *
 * Pictures must come one at a time (n = 1). Programs are compiled once for all masks; `blocks` says what a mask needs.
 */
export function sparsify(given: Graph, options: SparsifyOptions): Sparsified {
  const { resolution = 16, always = () => false, dense: isWhole = () => false, room = 1 } = options;
  const { block = { window: 6, point: 4 }, statistics = "original" } = options;
  for (const name of options.edited)
    if (!given.inputs.has(name))
      throw new ShapeError(
        `sparsify: there is no input called ${name}. Inputs: ${[...given.inputs.keys()].join(", ")}.`,
      );
  const { graph: old, factors } = withFactors(given);
  const graph = new Graph();
  const isEdited = downstreamOf(old, options.edited);
  const dependsOnInput = downstreamOf(old, [...old.inputs.keys()]);
  const consumers = consumersOf(old);
  const outputs = new Set(old.outputs.values());
  const grid = gridOf();
  const sets = new Map<string, BlockSet>();
  const states: { name: string; of: Tensor }[] = [];

  const most = ({ rows, columns }: BlockSet) =>
    Math.min(rows * columns, Math.max(64, Math.ceil(room * rows * columns)));
  const list = (set: BlockSet) => input(`at.${set.key}`, [most(set), 2]);
  const map = (set: BlockSet) => input(`map.${set.key}`, [set.rows, set.columns]);
  const input = (name: string, shape: readonly number[]) => graph.inputs.get(name) ?? graph.input(name, shape, "i32");

  const original = memo((v: Tensor): Tensor => {
    if (v.op.name === "param") return graph.param(v.path, v.shape);
    if (v.op.name === "input") return graph.input(v.path, v.shape, v.dtype);
    if (!dependsOnInput(v)) return rebuilt(v, original);
    const name = `state.${v.id}.${v.path}`;
    states.push({ name, of: v });
    return graph.input(name, v.shape, v.dtype);
  });

  const state = memo((v: Tensor): Edited => {
    if (!isEdited(v)) return { kind: "original" };
    if (v.op.name === "input") return { kind: "dense", make: () => graph.input(v.path, v.shape, v.dtype) };
    if (v.op.name === "groupStats" && statistics === "original") return { kind: "original" };
    if (v.op.name === "upsample") return { kind: "lazy" };
    const whole: Edited = { kind: "dense", make: () => rebuilt(v, operandOf(v)) };
    if (isWhole(v.path)) return whole;
    if (v.reads.every((t) => state(t).kind === "original")) return { kind: "original" };
    if (isTiled(v)) {
      const set = setFor(v);
      return { kind: "tiles", set, make: () => tiledConv(v, set) };
    }
    const spatial = spatialOperands(v);
    if (!spatial.length) return whole;
    const known = spatial.map((operand) => ({ operand, ...state(operand) }));
    const tiled = known.flatMap((s) => (s.kind === "tiles" ? [{ ...s, set: s.set }] : []));
    const one = known.every(({ kind }) => kind === "original" || kind === "tiles") && widest(tiled);
    if (!one && goesToBlocks(v)) return { kind: "lazy" };
    // Where the operands' edits do not coincide, a sum keeps those of the branch, which is computed last (SIGE's residual).
    const last = known.reduce((a, b) => (b.operand.id > a.operand.id ? b : a));
    const set = one || (v.op.name === "pointwise" && last.kind === "tiles" ? last.set : undefined);
    if (!set) return whole;
    return { kind: "tiles", set, make: () => onBlocks(v, set, "tile") };
  });

  /** The whole edited value. */
  const dense = memo((v: Tensor): Tensor => {
    const s = state(v);
    if (s.kind === "original") return original(v);
    if (s.kind === "dense") return s.make();
    if (s.kind === "lazy") return rebuilt(v, operandOf(v));
    const picture = ops.scatter({
      tiles: asPictures(tiles(v), s.set),
      base: picture4(v, original(v)),
      map: map(s.set),
    });
    return v.shape.length === 3 ? ops.tokens({ x: picture }) : picture;
  });

  /** The tiles of a tensor that has some, in the form in which they were made. */
  const tiles = memo((v: Tensor): Tensor => (state(v) as { make: () => Tensor }).make());

  /** Blocks of a tensor: [k c s s], or tall [1 c k·s s], or [1 k·s·s c] if it is made of tokens. */
  const gatheredOnce = new Map<string, Tensor>();
  function gathered(v: Tensor, set: BlockSet, part: Part): Tensor {
    const key = `${v.id} ${set.key} ${part}`;
    let t = gatheredOnce.get(key);
    if (!t) gatheredOnce.set(key, (t = gather(v, set, part)));
    return t;
  }

  function gather(v: Tensor, set: BlockSet, part: Part): Tensor {
    const s = state(v);
    if (s.kind === "tiles" && s.set === set && part === "tile") return tiles(v);
    const attrs =
      part === "tile"
        ? { size: set.tile, shift: set.offset, scale: set.scale }
        : { size: set.size, shift: [0, 0], scale: 1 };
    const at = list(set);
    if (v.op.name === "upsample" && s.kind === "lazy") return read(v.inputs.x, at, { ...attrs, ...grid(v) });
    if (s.kind === "lazy") return onBlocks(v, set, part);
    const blocks = read(v, at, attrs);
    return v.shape.length === 3 ? ops.tokens({ x: tall(blocks) }) : blocks;
  }

  /** Blocks of what is there of a tensor. */
  function read(v: Tensor, at: Tensor, attrs: Parameters<typeof ops.gather>[1]): Tensor {
    const s = state(v);
    if (s.kind !== "tiles") return ops.gather({ x: picture4(v, dense(v)), at }, attrs);
    const tiled = { tiles: asPictures(tiles(v), s.set), base: picture4(v, original(v)), map: map(s.set) };
    return ops.scatterGather({ ...tiled, at }, attrs);
  }

  /** The node on blocks alone. */
  function onBlocks(v: Tensor, set: BlockSet, part: Part): Tensor {
    const spatial = new Set(spatialOperands(v));
    const own = new Map([...spatial].map((operand) => [operand, gathered(operand, set, part)]));
    // Blocks stay as the last of them was made, so that it can absorb what follows.
    const last = [...own.values()].reduce((a, b) => (b.id > a.id ? b : a));
    const isTall = v.op.name === "affine" || v.op.name === "tokens" || last.shape[0] === 1;
    const formed = (t: Tensor) => (t.shape.length !== 4 ? t : isTall ? tall(t) : stacked(t, set));
    const size = part === "tile" ? set.tile : set.size;
    const attrs = v.op.name === "image" ? { height: most(set) * size } : v.attrs;
    return rebuilt(v, (operand) => (own.has(operand) ? formed(own.get(operand)!) : dense(operand)), attrs);
  }

  function tiledConv(v: Tensor, set: BlockSet): Tensor {
    const { height, width } = set;
    const blocks = stacked(gathered(v.inputs.x, set, "window"), set);
    const isPadded = (v.attrs.pad as readonly number[]).some((pixels) => pixels > 0);
    const x =
      isPadded && !isZeroAround(v.inputs.x)
        ? ops.inside({ x: blocks, at: list(set) }, { height, width, shift: [0, 0], scale: 1 })
        : blocks;
    return graph.apply(v.op, { x, weight: dense(v.inputs.weight) }, { ...v.attrs, pad: [0, 0, 0, 0] });
  }

  /** Whether blocks of a tensor are zeros where they reach over the edge of the picture, as a convolution's padding. */
  function isZeroAround(v: Tensor): boolean {
    if (state(v).kind !== "lazy" || v.op.name === "upsample") return true;
    return v.op.name === "concat" && Object.values(v.inputs).every(isZeroAround);
  }

  function rebuilt(v: Tensor, operand: (t: Tensor) => Tensor, attrs: Attrs = v.attrs): Tensor {
    const norm = statistics === "edited" || isWhole(v.path) ? undefined : factors.get(v);
    if (norm) return ops.add(ops.mul(operand(v.inputs.x), operand(norm.scale)), operand(norm.shift));
    const inputs = Object.fromEntries(Object.entries(v.inputs).map(([name, t]) => [name, operand(t)]));
    return graph.apply(v.op, inputs, attrs);
  }

  /** Operands as a whole; in parts that stay as they are, statistics are those of the edited picture. */
  const operandOf = (v: Tensor) => (t: Tensor) =>
    t.op.name === "groupStats" && isEdited(t) && isWhole(v.path) ? rebuilt(t, dense) : dense(t);

  const isTiled = (v: Tensor): boolean => {
    if (v.op.name !== "conv2d" || isWhole(v.path) || !isEdited(v.inputs.x) || isEdited(v.inputs.weight)) return false;
    const [n, , h, w] = v.inputs.x.shape;
    const [, , kh, kw] = v.inputs.weight.shape;
    return n === 1 && kh === kw && v.attrs.dilation === 1 && (Math.min(h, w) >= resolution || always(v.path));
  };

  function setFor({ inputs: { x, weight }, attrs }: Tensor): BlockSet {
    const [, , height, width] = x.shape;
    const kernel = weight.shape[2];
    const [top, left] = attrs.pad as readonly number[];
    const window = { kernel, stride: attrs.stride as number, offset: [top, left] as const };
    const set = blockSet({ height, width }, window, kernel === 1 ? block.point : block.window);
    if (!sets.has(set.key)) sets.set(set.key, set);
    return sets.get(set.key)!;
  }

  /** Operands that the node reads pixel by pixel; none if it is no such node. */
  function spatialOperands(v: Tensor): Tensor[] {
    const own = grid(v);
    const { name } = v.op;
    const channels = v.shape.length === 4 ? 1 : 2;
    const isPointwise = name !== "reshape" && ((name !== "slice" && name !== "concat") || v.attrs.axis === channels);
    if (!own || !isPointwise) return [];
    return Object.entries(v.inputs).flatMap(([operand, t]) =>
      v.op.locality(operand) === "point" && same(grid(t), own) ? [t] : [],
    );
  }

  /** Whether nothing but blocks of this cheap node will be read, and none twice, but for what only copies. */
  const goesToBlocks = memo((v: Tensor): boolean => {
    const next = consumers(v).filter((t) => t.op.name !== "groupStats");
    const { name } = v.op;
    const most = { concat: Infinity, affine: 1, pointwise: 1 }[name] ?? 0;
    if (!next.length || next.length > most || outputs.has(v)) return false;
    return next.every((consumer) => {
      if (isTiled(consumer)) return consumer.inputs.x === v;
      return !isWhole(consumer.path) && spatialOperands(consumer).includes(v) && goesToBlocks(consumer);
    });
  });

  /** Tiles as a batch of pictures. */
  const stacked = (x: Tensor, set: BlockSet): Tensor =>
    x.shape[0] === most(set) ? x : ops.restack({ x }, { pictures: most(set) });
  /** Tiles as pictures, whatever they are now. */
  const asPictures = (x: Tensor, set: BlockSet): Tensor =>
    x.shape.length === 3 ? ops.image({ x }, { height: most(set) * set.tile }) : x;
  /** A tensor of v's shape as a picture. */
  const picture4 = (v: Tensor, t: Tensor) =>
    v.shape.length === 3 ? ops.image({ x: t }, { height: grid(v)!.height }) : t;

  for (const [name, v] of old.outputs) graph.output(name, dense(v));
  const names = states.map(({ name }) => name);
  const tiled = states.flatMap(({ name, of }) => {
    const s = state(of);
    return s.kind === "tiles" ? [{ name, set: s.set, of: asRows(tall(asPictures(tiles(of), s.set))) }] : [];
  });
  return {
    full: recorded(old, states),
    sparse: graph,
    states: names,
    sets: [...sets.values()],
    tiles: new Map(tiled.map(({ name, set }) => [name, set])),
    following: (names) =>
      recorded(
        graph,
        tiled.filter(({ name }) => names.includes(name)),
      ),
    blocks(pyramid) {
      const lists: Record<string, Int32Array> = {};
      for (const set of sets.values()) {
        const mask = pyramid?.get(`${set.height}x${set.width}`);
        if (pyramid && !mask)
          throw new RangeError(
            `blocks: the pyramid has no mask of ${set.height}×${set.width}. It has ${[...pyramid.keys()].join(", ")}.`,
          );
        const at = mask ? activeBlocks(set, mask) : new Int32Array(0);
        if (at.length > 2 * most(set))
          throw new RangeError(
            `blocks: the mask makes ${at.length / 2} blocks active on ${set.height}×${set.width}, but there is room for ${most(set)}. ` +
              "Sparsify with a larger `room`, or compute it as a whole.",
          );
        if (graph.inputs.has(`at.${set.key}`)) lists[`at.${set.key}`] = at;
        if (graph.inputs.has(`map.${set.key}`)) lists[`map.${set.key}`] = blockMap(set, at);
      }
      return lists;
    },
  };
}

/** The set whose tiles include all others', if there is one. */
function widest(tiled: readonly { readonly set: BlockSet }[]): BlockSet | undefined {
  const includes = (a: BlockSet, b: BlockSet) =>
    a.tile === b.tile &&
    a.scale === b.scale &&
    a.height === b.height &&
    a.width === b.width &&
    [0, 1].every((d) => a.offset[d] >= b.offset[d] && a.size - a.offset[d] >= b.size - b.offset[d]);
  return tiled.find(({ set }) => tiled.every((other) => includes(set, other.set)))?.set;
}

/** Tiles one below the other in one tall picture. */
const tall = (x: Tensor): Tensor => (x.shape[0] === 1 ? x : ops.restack({ x }, { pictures: 1 }));

const same = (a: Grid | undefined, b: Grid): boolean => a?.height === b.height && a.width === b.width;
