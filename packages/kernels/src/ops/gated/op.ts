import { defineOp, require } from "../../graph/defineOp.ts";
import { evaluate, mul, value, type Expr } from "../../graph/expr.ts";

/**
 * Both halves of the last dimension, combined by `expr` of (first, second): a gated linear unit (Shazeer 2020, eq. 6) whose
 * projection has been computed. Models write its parts; `passes/windows/geglu.ts` finds them.
 */
export const gated = defineOp({
  name: "gated",
  signature: "x[..b p] -> y[..b o]",
  attrs: { expr: mul(value(0), value(1)) as Expr },
  reads: { x: "point" },
  infer({ p }) {
    require(p % 2 === 0, () => `${p} numbers are not two halves`);
    return { o: p / 2 };
  },
  reference({ x, y }, { b, o }, { expr }) {
    for (let row = 0; row < b; row++)
      for (let col = 0; col < o; col++) y.set(evaluate(expr, [x.at(row, col), x.at(row, col + o)]), row, col);
  },
});
