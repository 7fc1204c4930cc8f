import type * as ops from "./index.ts";

type Ops = typeof ops;

/** Ops that only ever rename their operand's memory: see `isView`. */
type ViewName = "tokens" | "image" | "restack";

/** The ops that every backend must have kernels for: a record of ladders keyed by it cannot forget one. */
export type OpName = Exclude<
  { [K in keyof Ops]: Ops[K] extends { readonly signature: string } ? K : never }[keyof Ops],
  ViewName
>;
