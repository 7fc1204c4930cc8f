import type { Expr } from "../../graph/expr.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { exprToWgsl } from "../../webgpu/exprToWgsl.ts";
import { ceilDiv, wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Four neighbours of a row lie side by side in memory, unless the tensor is a picture, whose channels do. */
const inFours = ({ shape }: Tensor): boolean => shape.length !== 4 && shape.at(-1)! % 4 === 0;

const threads = 256;

/** One thread per number, or per four neighbours: both halves are read where they are. */
export const direct = wgslKernel({
  name: "gated.direct",
  accepts: () => true,
  wide: (node) => (inFours(node) ? ["x", "y"] : []),
  ordered: () => 1,
  workgroups: ({ b, o }, node) => ceilDiv(b * o, threads * (inFours(node) ? 4 : 1)),
  source({ header, node, wide }) {
    const [width, type, four] = wide.length ? [4, "vec4f" as const, "4"] : [1, "f32" as const, ""];
    const half = (begin: string) => (wide.length ? `x_at4(row * p + ${begin})` : `read_x(row, ${begin})`);
    return wgsl`
      ${header}

      fn gate(first: ${type}, second: ${type}) -> ${type} {
        ${exprToWgsl(node.attrs.expr as Expr, ["first", "second"], type)}
      }

      @compute @workgroup_size(${threads})
      fn main(@builtin(workgroup_id) id: vec3u, @builtin(local_invocation_index) lane: u32) {
        let at = workgroup_index(id) * ${threads * width} + i32(lane) * ${width};
        if (at >= b * o) { return; }
        let row = at / o;
        let column = at % o;
        write${four}_y(row, column, gate(${half("column")}, ${half("column + o")}));
      }`;
  },
});

export const ladder = [direct];
