import type { Dims } from "../graph/op.ts";
import type { Tensor } from "../graph/tensor.ts";
import type { Kernel, KernelContext } from "../plan/kernel.ts";
import type { WebgpuCaps } from "./caps.ts";
import { header } from "./header.ts";
import type { WgslPacking } from "./packings.ts";
import { ceilDiv } from "./wgsl.ts";

/** One compute shader with everything needed to launch it. */
export interface Shader {
  readonly code: string;
  /** For each binding of group 0, the operand that it reads; the last is the result. */
  readonly bindings: readonly string[];
  readonly workgroups: readonly [number, number];
  /** How many there are of this stage, which may be launched in parts, and of how many a group that may be left out consists. */
  readonly total: number;
  readonly group: number;
  /** How many of them earlier parts have done. */
  readonly before: number;
  /** Its share of the node's multiply-adds. */
  readonly macs: number;
}

/** A kernel of WGSL: one shader, or several that run one after the other. */
export interface WgslKernel extends Kernel<WebgpuCaps> {
  packings?(node: Tensor, context: KernelContext<WebgpuCaps>): Readonly<Record<string, WgslPacking>>;
  shaders(node: Tensor, context: KernelContext<WebgpuCaps>): readonly Shader[];
}

/** What a kernel's body is written from. */
export interface Body {
  /** The generated opening: constants, bindings, `read_x(…)`, `write_y(…)`; see `header`. */
  readonly header: string;
  readonly node: Tensor;
  readonly dims: Dims;
  /** Names of what is read or written four at a time. */
  readonly wide: readonly string[];
  readonly context: KernelContext<WebgpuCaps>;
}

/** How one shader is written and launched. */
export interface Stage {
  /** Which operands and scratch it reads, if not just all operands; the epilogue's come by themselves. */
  readonly reads?: readonly string[];
  /** The scratch that it writes, if not the result. */
  readonly writes?: string;
  /** Operands, or `y`, that the body reads or writes four at a time (`x_at4`, `write4_y`), at multiples of four. */
  wide?(node: Tensor, context: KernelContext<WebgpuCaps>): readonly string[];
  /** How many workgroups to launch; the body finds its own by `workgroup_index` and must ignore numbers beyond. */
  workgroups(dims: Dims, node: Tensor, context: KernelContext<WebgpuCaps>): number;
  /**
   * Workgroups come in groups of this many, and the groups follow the result from front to back in equal steps: where only
   * a front part of the result is needed, only a front part of the groups runs. Absent means that all must run.
   */
  ordered?(dims: Dims, node: Tensor, context: KernelContext<WebgpuCaps>): number;
  /** Language extensions that the body needs. */
  enables?(caps: WebgpuCaps): readonly string[];
  source(body: Body): string;
}

type Unlaunched = Omit<WgslKernel, "shaders">;

/** A kernel of several shaders, which hand numbers on in scratch. */
export function stagedKernel({ stages, ...kernel }: Unlaunched & { readonly stages: readonly Stage[] }): WgslKernel {
  return {
    ...kernel,
    dispatches: stages.length,
    shaders(node, context) {
      const dims = node.op.dims(node);
      const { caps } = context;
      const packings = kernel.packings?.(node, context) ?? {};
      return stages.flatMap(({ reads, writes, wide: wideOf, workgroups, ordered, enables, source }): Shader[] => {
        const wide = wideOf?.(node, context) ?? [];
        const total = workgroups(dims, node, context);
        const macs = node.op.macs(node) / stages.length;
        const parts = Math.min(total, Math.max(1, ceilDiv(macs, caps.macsPerSubmit)));
        const [columns, rows] = fold(total, Math.min(caps.maxComputeWorkgroupsPerDimension, ceilDiv(total, parts)));
        const enabled = (enables?.(caps) ?? []).map((extension) => `enable ${extension};\n`).join("");
        const height = ceilDiv(rows, parts);
        return Array.from({ length: ceilDiv(rows, height) }, (_, part): Shader => {
          const firstRow = part * height;
          const own = Math.min(height, rows - firstRow);
          const { text, bindings } = header(node, {
            packings,
            wide,
            workgroups: [columns, rows],
            firstRow,
            reads,
            writes,
          });
          return {
            code: `${enabled}${source({ header: text, node, dims, wide, context })}\n`,
            bindings,
            workgroups: [columns, own],
            total,
            group: ordered?.(dims, node, context) ?? total,
            before: firstRow * columns,
            macs: (macs * own) / rows,
          };
        });
      });
    },
  };
}

/** A kernel of one shader, which writes the result. */
export function wgslKernel(definition: Unlaunched & Omit<Stage, "reads" | "writes">): WgslKernel {
  const { wide, workgroups, ordered, enables, source, ...kernel } = definition;
  return stagedKernel({ ...kernel, stages: [{ wide, workgroups, ordered, enables, source }] });
}

/** A grid of at least `count` workgroups with no side above `limit`, as few too many as that allows. */
export function fold(count: number, limit: number): [number, number] {
  const y = Math.ceil(count / limit);
  return [Math.ceil(count / y), y];
}
