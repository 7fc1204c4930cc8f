import type { Graph } from "../graph/graph.ts";
import { label } from "../graph/print.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Options } from "../options.ts";
import { countedBy } from "./counted.ts";
import { host, type Kernel, type KernelContext, type Packing, type WeightDtype } from "./kernel.ts";
import { dense } from "./packing.ts";
import { planMemory, type Lifetime, type MemoryPlan } from "./planMemory.ts";
import { selectKernels, viewOffset } from "./selectKernels.ts";
import type { Tuning } from "./tuning.ts";

/** Where a tensor's numbers are while the program runs. */
export type Place =
  | { readonly kind: "memory"; readonly block: number; readonly offset: number; readonly bytes: number }
  | { readonly kind: "weight"; readonly key: string }
  /** Where another program keeps it: see `RecordOptions.bound`. */
  | { readonly kind: "bound"; readonly name: string };

/** One parameter in one packing. */
export interface PackedWeight {
  readonly key: string;
  readonly param: Tensor;
  readonly packing: Packing;
  readonly bytes: number;
}

/** A node, its kernel, and where its operands, scratch and result lie. */
export interface Call {
  readonly node: Tensor;
  readonly kernel: Kernel;
  readonly refusals: readonly string[];
  /** Operands by name, then the epilogue's as `e0`, `e1` …. */
  readonly operands: Readonly<Record<string, Place>>;
  readonly result: Place;
  /** By the kernel's names. */
  readonly scratch: Readonly<Record<string, Place>>;
  /** The input that lists the blocks the result is made of, if it is: see `countedBy`. */
  readonly list: Tensor | undefined;
}

/** Everything that will happen, before anything has. */
export interface Plan {
  readonly graph: Graph;
  readonly options: Options;
  /** What kernels were told when they were chosen: backends hand it to them again when they build code. */
  readonly context: KernelContext<any>;
  readonly calls: readonly Call[];
  /** Nodes that the host computes from the inputs and uploads, in order. */
  readonly host: readonly Tensor[];
  readonly weights: readonly PackedWeight[];
  readonly weightBytes: number;
  readonly memory: MemoryPlan;
  /** Where an input, a host result or an output lies. */
  place(tensor: Tensor): Place;
}

/** What a backend must say to be planned for. */
export interface Target<Caps = unknown> {
  readonly caps: Caps;
  /** For each op, its kernels from fastest to plainest. */
  readonly ladders: Readonly<Record<string, readonly Kernel<Caps>[]>>;
  /** Whether memory is one range of offsets or a set of whole buffers. */
  readonly memoryUnit: "offsets" | "blocks";
  /** Which kernels were measured to be the fastest; they are taken before what the ladders recommend. */
  readonly tuning?: Tuning;
}

/**
 * Kernels, memory and packings for a graph on a target. `stored` tells how the checkpoint keeps a parameter; inputs named
 * in `bound` get no memory.
 */
export function plan<Caps>(
  graph: Graph,
  target: Target<Caps>,
  options: Options,
  stored: (param: Tensor) => WeightDtype = () => "f32",
  bound: readonly string[] = [],
): Plan {
  const isBound = (t: Tensor) => t.op.name === "input" && bound.includes(t.path);
  const viewed = (t: Tensor): Tensor => (selection.views.has(t) ? viewed(selection.views.get(t)!) : t);
  const skipped = (t: Tensor): number =>
    selection.views.has(t) ? viewOffset(t) + skipped(selection.views.get(t)!) : 0;
  // Reshapes of parameters are known before selection, since kernels ask about them.
  const throughReshape = (t: Tensor): Tensor =>
    t.op.name === "reshape" && !t.epilogue ? throughReshape(t.inputs.x) : t;
  const lists = countedBy(graph);
  const context: KernelContext<Caps> = {
    caps: target.caps,
    isCounted: (node) => lists.has(node),
    isParam: (t) => throughReshape(t).op.name === "param",
    weightDtype(t) {
      const root = throughReshape(t);
      if (root.op.name !== "param") return "f32";
      return options.dtype.weights === "stored" ? stored(root) : options.dtype.weights;
    },
  };
  const selection = selectKernels(graph, target.ladders, context, options, target.tuning);

  const weights = new Map<string, PackedWeight>();
  const lifetimes: (Lifetime & { first: number; last: number })[] = [];
  const index = new Map<Tensor, number>();
  const live = (t: Tensor, first: number, last = first) => {
    if (isBound(t)) return;
    const known = index.get(t);
    if (known === undefined) index.set(t, lifetimes.push({ bytes: 4 * t.elements, first, last }) - 1);
    else lifetimes[known].last = Math.max(lifetimes[known].last, last);
  };
  const end = selection.choices.length;
  const lastRead = new Map<Tensor, number>();
  selection.choices.forEach(({ node }, i) => node.reads.forEach((t) => lastRead.set(viewed(t), i)));
  for (const t of graph.outputs.values()) lastRead.set(viewed(t), end);
  const results = new Set(selection.choices.map(({ node }) => node));
  /** The tensor whose place a result can take, since nobody reads it any more. */
  const replaced = (node: Tensor, { inPlace }: Kernel<Caps>, i: number): Tensor | undefined => {
    const operand = options.memory === "greedy" ? inPlace?.(node) : undefined;
    const root = operand && viewed(operand);
    if (!root || !results.has(root) || root.elements !== node.elements) return undefined;
    const reads = node.reads.filter((t) => viewed(t) === root).length;
    return reads === 1 && lastRead.get(root) === i ? root : undefined;
  };
  for (const t of graph.inputs.values()) live(t, 0);
  for (const t of selection.host) live(t, 0);
  const scratchOf = new Map<Tensor, readonly (readonly [name: string, lifetime: number])[]>();
  selection.choices.forEach(({ node, kernel }, i) => {
    for (const t of node.reads) if (viewed(t).op.name !== "param") live(viewed(t), 0, i);
    const root = replaced(node, kernel, i);
    if (root) index.set(node, index.get(root)!);
    live(node, i);
    const scratch = Object.entries(kernel.scratch?.(node, context) ?? {});
    const reserve = (bytes: number) => lifetimes.push({ bytes, first: i, last: i }) - 1;
    scratchOf.set(
      node,
      scratch.map(([name, bytes]) => [name, reserve(bytes)]),
    );
  });
  // Outputs are readable until the next run, and may be fed back as its inputs, so they keep their place throughout.
  for (const t of graph.outputs.values()) {
    const root = viewed(t);
    if (isBound(root) || root.op.name === "param") continue;
    live(root, 0, end);
    lifetimes[index.get(root)!].first = 0;
  }
  const memory = planMemory(lifetimes, options.memory, target.memoryUnit);
  const inMemory = (i: number): Place => ({ kind: "memory", ...memory.places[i], bytes: lifetimes[i].bytes });

  const place = (t: Tensor, packing: Packing = dense): Place => {
    const root = viewed(t);
    if (isBound(root)) return { kind: "bound", name: root.path };
    if (root.op.name !== "param") {
      const { block, offset } = memory.places[index.get(root)!];
      return { kind: "memory", block, offset: offset + skipped(t), bytes: 4 * t.elements };
    }
    const key = `${root.path}:${packing.name}`;
    if (!weights.has(key)) weights.set(key, { key, param: root, packing, bytes: packing.bytes(root.shape) });
    return { kind: "weight", key };
  };
  const calls = selection.choices.map(({ node, kernel, refusals }): Call => {
    const packings = kernel.packings?.(node, context) ?? {};
    const operands: Record<string, Place> = {};
    for (const [name, t] of Object.entries(node.inputs)) operands[name] = place(t, packings[name]);
    node.epilogue?.operands.forEach((t, k) => (operands[`e${k}`] = place(t)));
    return {
      node,
      kernel,
      refusals,
      operands,
      result: place(node),
      scratch: Object.fromEntries(scratchOf.get(node)!.map(([name, i]) => [name, inMemory(i)])),
      list: lists.get(node),
    };
  });
  for (const t of graph.outputs.values()) place(t); // one that is a parameter is packed for its reader
  return {
    graph,
    options,
    context,
    calls,
    host: selection.host,
    weights: [...weights.values()],
    weightBytes: [...weights.values()].reduce((sum, w) => sum + w.bytes, 0),
    memory,
    place,
  };
}

/** One line per call: number, kernel, place in the model, shape, what was absorbed, and why not another kernel. */
export function printPlan({ calls, host: onHost, memory, weightBytes }: Plan): string {
  const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const where = (p: Place) => (p.kind === "memory" ? `${p.block}+${p.offset}` : p.kind === "weight" ? p.key : p.name);
  return [
    ...onHost.map((t) => `   - ${host.name} ${label(t)}  ${t.path}  [${t.shape.join(" ")}]`),
    ...calls.map(({ node, kernel, refusals, result }, i) =>
      [
        String(i).padStart(4),
        kernel.name.padEnd(22),
        node.path,
        `[${node.shape.join(" ")}]`,
        `→ ${where(result)}`,
        ...(node.epilogue ? [`+${node.epilogue.labels.join("+")}`] : []),
        ...(refusals.length ? [`(${refusals.join("; ")})`] : []),
      ].join("  "),
    ),
    `weights ${mib(weightBytes)}; activations ${mib(memory.bytes)} (lower bound ${mib(memory.lowerBoundBytes)}, naive ${mib(memory.naiveBytes)})`,
  ].join("\n");
}
