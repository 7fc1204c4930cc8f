import { encodeModule, Fn } from "./asm.ts";
import { f32x4, multiplyAdd } from "./simd.ts";

/** Whether this engine compiles relaxed SIMD, tried on a function of one multiply-add. */
export function relaxedSimd(): boolean {
  const probe = new Fn("probe", [], true);
  const one = f32x4.const(1);
  probe.let(multiplyAdd(probe, one, one, one));
  return WebAssembly.validate(encodeModule([probe], { maximumPages: 1, shared: false }));
}
