import { toFloat16Bits } from "@tessera/safetensors";
import { product, type Shape } from "../graph/tensor.ts";
import type { Packing, WeightDtype } from "../plan/kernel.ts";

/** Output channels of a panel: the columns of the matrix product's tile. */
export const PANEL = 16;

const sizes = ([co, cg, ...window]: Shape) => ({ co, cg, taps: product(window), panels: Math.ceil(co / PANEL) });

const packed = (dtype: WeightDtype): Packing => ({
  name: dtype === "f16" ? "panels16.f16" : "panels16",
  bytes(shape) {
    const { cg, taps, panels } = sizes(shape);
    return (dtype === "f16" ? 2 : 4) * panels * taps * cg * PANEL;
  },
  pack(data, shape, out) {
    const { co, cg, taps, panels } = sizes(shape);
    const numbers =
      dtype === "f16"
        ? new Uint16Array(out.buffer, out.byteOffset, out.length / 2)
        : new Float32Array(out.buffer, out.byteOffset, out.length / 4);
    const stored = dtype === "f16" ? toFloat16Bits(data) : data;
    const row = cg * taps;
    let to = 0;
    for (let panel = 0; panel < panels; panel++) {
      const first = panel * PANEL * row;
      const lanes = Math.min(PANEL, co - panel * PANEL);
      for (let tap = 0; tap < taps; tap++)
        for (let from = first + tap; from < first + row; from += taps, to += PANEL)
          for (let lane = 0; lane < lanes; lane++) numbers[to + lane] = stored[from + lane * row];
    }
  },
});

/**
 * A weight [o k] or [co cg kh kw] as panels of 16 output channels: [⌈co / 16⌉][kh kw][cg][16], the last padded with
 * zeros.
 */
export const panels: Readonly<Record<WeightDtype, Packing>> = { f32: packed("f32"), f16: packed("f16") };
