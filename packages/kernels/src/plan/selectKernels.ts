import { KernelError } from "../graph/errors.ts";
import type { Graph } from "../graph/graph.ts";
import { describeOperands } from "../graph/signature.ts";
import type { Tensor } from "../graph/tensor.ts";
import { host, type Kernel, type KernelContext } from "./kernel.ts";
import { isRowMajor, physicalOrder, physicalStrides } from "./layout.ts";
import type { Options } from "../options.ts";
import { tuningKey, type Tuning } from "./tuning.ts";

/** A node with the kernel that will run it, and why. */
export interface Choice {
  readonly node: Tensor;
  readonly kernel: Kernel;
  /** Sentences about the kernels of the ladder that were passed over. */
  readonly refusals: readonly string[];
}

export interface Selection {
  /** Device work, in order. */
  readonly choices: readonly Choice[];
  /** Nodes whose loops run on the host, in order. */
  readonly host: readonly Tensor[];
  /** Nodes that are another name for their operand's memory, or for a part of it. */
  readonly views: ReadonlyMap<Tensor, Tensor>;
}

/**
 * Chooses for each node the kernel that was measured to be the fastest, if any was; else the first of its ladder that
 * accepts and recommends itself; else the last that accepts.
 */
export function selectKernels<Caps>(
  graph: Graph,
  ladders: Readonly<Record<string, readonly Kernel<Caps>[]>>,
  context: KernelContext<Caps>,
  options: Options,
  tuning?: Pick<Tuning, "get">,
): Selection {
  const choices: Choice[] = [];
  const onHost: Tensor[] = [];
  const views = new Map<Tensor, Tensor>();
  for (const node of graph.nodes) {
    if (node.op.name === "input" || node.op.name === "param") continue;
    if (isView(node)) {
      views.set(node, node.inputs.x);
      continue;
    }
    const refusals: string[] = [];
    let accepted: Kernel<Caps> | undefined;
    let chosen: Kernel<Caps> | undefined;
    for (const kernel of ladders[node.op.name] ?? []) {
      const accepts = isOff(kernel.name, options) ? "switched off" : kernel.accepts(node, context);
      if (accepts !== true) {
        refusals.push(`${kernel.name} refused: ${accepts}`);
        continue;
      }
      accepted = kernel;
      const recommends = kernel.recommends?.(node, context) ?? true;
      if (recommends === true) {
        chosen = kernel;
        break;
      }
      refusals.push(`${kernel.name} passed over: ${recommends}`);
    }
    chosen ??= accepted;
    if (!chosen)
      throw new KernelError(
        `${node.op.name} at ${node.path}: no kernel accepts it (${describeOperands(node.inputs)}). ${refusals.join("; ") || "This backend has none for it"}.`,
      );
    const measured = tuning?.get(tuningKey(node, context));
    const faster = measured && ladders[node.op.name].find(({ name }) => name === measured.kernel);
    if (faster && faster !== chosen && !isOff(faster.name, options) && faster.accepts(node, context) === true) {
      const ms = (name: string) => `${measured.ms[name]?.toPrecision(3)} ms`;
      refusals.push(`${chosen.name} passed over: it took ${ms(chosen.name)}, ${faster.name} ${ms(faster.name)}`);
      chosen = faster;
    }
    if (chosen === (host as unknown)) onHost.push(node);
    else choices.push({ node, kernel: chosen as Kernel, refusals });
  }
  return { choices, host: onHost, views };
}

/** Kernels are switched by their whole name, or by the algorithm's: `conv2d.winograd4`, `winograd4`. */
export const isOff = (name: string, { kernels }: Options) =>
  kernels[name] === false || kernels[name.slice(name.indexOf(".") + 1)] === false;

/** Whether a node only renames its operand's memory, or a part of it, given how devices lay tensors out. */
export function isView(node: Tensor): boolean {
  if (node.epilogue) return false;
  if (["tokens", "image", "restack"].includes(node.op.name)) return true;
  if (node.op.name === "slice") return isRange(node);
  return node.op.name === "reshape" && isRowMajor(node.shape) && isRowMajor(node.inputs.x.shape);
}

/** How far into its operand's memory a view begins, in bytes. */
export const viewOffset = ({ op, inputs, attrs }: Tensor): number =>
  op.name === "slice" ? 4 * (attrs.begin as number) * physicalStrides(inputs.x.shape)[attrs.axis as number] : 0;

/** Whether a slice of a computed tensor is one range of its memory, which begins where WebGPU's bindings may. */
function isRange(node: Tensor): boolean {
  const { x } = node.inputs;
  const order = physicalOrder(x.shape.length);
  const outer = order.slice(0, order.indexOf(node.attrs.axis as number));
  return isComputed(x) && outer.every((d) => x.shape[d] === 1) && viewOffset(node) % 256 === 0;
}

const isComputed = (t: Tensor): boolean =>
  isView(t) ? isComputed(t.inputs.x) : t.op.name !== "input" && t.op.name !== "param";
