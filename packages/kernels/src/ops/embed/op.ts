import { defineOp } from "../../graph/defineOp.ts";

/** Row `ids[..]` of a table: PyTorch's Embedding. */
export const embed = defineOp({
  name: "embed",
  signature: "ids:i32[..b] table[v e] -> y[..b e]",
  attrs: {},
  reads: { ids: "point", table: "all" },
  reference({ ids, table, y }, { b, e, v }) {
    for (let row = 0; row < b; row++) {
      const id = ids.at(row);
      if (!(id >= 0 && id < v)) throw new RangeError(`embed: id ${id} is outside the table's ${v} rows.`);
      for (let i = 0; i < e; i++) y.set(table.at(id, i), row, i);
    }
  },
});
