import { defineOp, require } from "../../graph/defineOp.ts";
import { evaluate, mul, value, type Expr } from "../../graph/expr.ts";

/**
 * A gated linear unit (Shazeer 2020, eq. 6): both halves of x · weightᵀ + bias, combined by `expr` of (first, second).
 * Models write its parts; `passes/windows/geglu.ts` finds them.
 */
export const gatedLinear = defineOp({
  name: "gatedLinear",
  signature: "x[..b k] weight[p k] bias[p] -> y[..b o]",
  attrs: { expr: mul(value(0), value(1)) as Expr },
  reads: { x: "point", weight: "all", bias: "all" },
  infer({ p }) {
    require(p % 2 === 0, () => `${p} rows of weight are not two halves`);
    return { o: p / 2 };
  },
  macs: ({ b, p, k }) => b * p * k,
  reference({ x, weight, bias, y }, { b, o, k }, { expr }) {
    for (let row = 0; row < b; row++)
      for (let col = 0; col < o; col++) {
        const halves = [col, col + o].map((c) => {
          let acc = bias.at(c);
          for (let i = 0; i < k; i++) acc += x.at(row, i) * weight.at(c, i);
          return acc;
        });
        y.set(evaluate(expr, halves), row, col);
      }
  },
});
