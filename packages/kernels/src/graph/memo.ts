import type { Tensor } from "./tensor.ts";

/** A function of tensors that is worked out once for each; it may ask itself. */
export function memo<R>(f: (t: Tensor) => R): (t: Tensor) => R {
  const known = new Map<Tensor, R>();
  return (t) => {
    if (!known.has(t)) known.set(t, f(t));
    return known.get(t)!;
  };
}
