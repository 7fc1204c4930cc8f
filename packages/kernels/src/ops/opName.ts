import type * as ops from "./index.ts";

type Ops = typeof ops;

/** Ops that only rename their operand's memory (or, for some shapes of `reshape`, copy it): see `isView`. */
type ViewName = "tokens" | "image" | "reshape";

/** The ops that every backend must have kernels for: a ladder record keyed by it cannot forget one. */
export type OpName = Exclude<
  { [K in keyof Ops]: Ops[K] extends { readonly signature: string } ? K : never }[keyof Ops],
  ViewName
>;
