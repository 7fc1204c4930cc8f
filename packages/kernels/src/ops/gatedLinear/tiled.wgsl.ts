import type { Expr } from "../../graph/expr.ts";
import { exprToWgsl } from "../../webgpu/exprToWgsl.ts";
import { division, gemmAlgorithms, type GemmAlgorithm } from "../../webgpu/gemmTile.wgsl.ts";
import type { WgslPacking } from "../../webgpu/packings.ts";
import { wgsl } from "../../webgpu/wgsl.ts";
import { wgslKernel } from "../../webgpu/wgslKernel.ts";
import { takesRows } from "../linear/tiled.wgsl.ts";

/** Rows of the weight dealt out in pairs, one of the first half and one of the second: a thread then has both. */
const paired = ({ name, pack, ...packing }: WgslPacking): WgslPacking => ({
  ...packing,
  name: `paired.${name}`,
  pack(data, shape, out) {
    const [p, k] = shape;
    const dealt = new Float32Array(data.length);
    for (let row = 0; row < p; row++) {
      const from = (row >> 1) + (row & 1) * (p / 2);
      dealt.set(data.subarray(from * k, (from + 1) * k), row * k);
    }
    pack(dealt, shape, out);
  },
});

/** A matrix product whose threads have both halves of a projection, and write only what the gate lets through. */
const tiled = (algorithm: GemmAlgorithm) => {
  const { name, enables, recommends, tile } = algorithm;
  const divided = division(tile, ({ b, p }) => [b, p]);
  return wgslKernel({
    name: `gatedLinear.tiled${name}`,
    accepts: (node, context) => takesRows(algorithm, node, context),
    recommends: (_node, { caps }) => recommends(caps),
    packings: ({ inputs: { weight } }, { weightDtype, caps }) => ({
      weight: paired(tile(caps).packing(weightDtype(weight))),
    }),
    wide: (_node, { caps }) => (tile(caps).wide ? ["x", "weight"] : ["weight"]),
    ordered: (...at) => divided(...at).group,
    workgroups: (...at) => divided(...at).workgroups,
    enables: () => enables,
    source: ({ header, node, dims, context }) => wgsl`
      ${header}

      const rows = b;
      const columns = p;
      const taps = 1;
      const depth = k;
      const band = ${divided(dims, node, context).band};

      fn weight_matrix(row: i32) -> i32 { return 0; }

      fn row_start(row: i32, tap: i32) -> i32 { return row * k; }

      fn gate(first: f32, second: f32) -> f32 {
        ${exprToWgsl(node.attrs.expr as Expr, ["first", "second"], "f32")}
      }

      fn write_row(row: i32, column: i32, value: vec4f) {
        for (var i = 0; i < min(4, columns - column); i += 2) {
          let at = (column + i) / 2;
          write_y(row, at, gate(value[i] + bias_at(at), value[i + 1] + bias_at(at + o)));
        }
      }

      ${tile(context.caps).main}`,
  });
};

export const ladder = gemmAlgorithms.map(tiled);
