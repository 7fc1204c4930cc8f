import type { Expr } from "../../graph/expr.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { eachNumber, workgroupsForEach } from "../../webgpu/eachNumber.wgsl.ts";
import { exprToWgsl } from "../../webgpu/exprToWgsl.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";

/** Four neighbours of a row lie side by side in memory, unless the tensor is a picture, whose channels do. */
const inFours = ({ shape }: Tensor): boolean => shape.length !== 4 && shape.at(-1)! % 4 === 0;

/** Number by number, or four neighbours at a time: both halves are read where they are. */
export const direct = wgslKernel({
  name: "gated.direct",
  accepts: () => true,
  wide: (node) => (inFours(node) ? ["x", "y"] : []),
  ordered: () => 1,
  workgroups: ({ b, o }, node) => workgroupsForEach(b * o, inFours(node) ? 4 : 1),
  source({ header, node, wide, dims: { b, o } }) {
    const [width, type, four] = wide.length ? [4, "vec4f" as const, "4"] : [1, "f32" as const, ""];
    const half = (begin: string) => (wide.length ? `x_at4(row * p + ${begin})` : `read_x(row, ${begin})`);
    return wgsl`
      ${header}

      fn gate(first: ${type}, second: ${type}) -> ${type} {
        ${exprToWgsl(node.attrs.expr as Expr, ["first", "second"], type)}
      }

      ${eachNumber(
        b * o,
        width,
        wgsl`
          let row = at / o;
          let column = at % o;
          write${four}_y(row, column, gate(${half("column")}, ${half("column + o")}));`,
      )}`;
  },
});

export const ladder = [direct];
