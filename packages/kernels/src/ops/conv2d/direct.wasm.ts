import { dot, dotBytes } from "../../wasm/dot.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { convProduct } from "./product.wasm.ts";

const groups = (attrs: Readonly<Record<string, unknown>>) => attrs.groups as number;

/** Dot products along the channels, for any groups and any weight. */
export const direct: WasmKernel = {
  name: "conv2d.direct",
  untuned: "it reads everything anew for each output, and can take minutes",
  accepts: () => true,
  items: (node) => convProduct(node).rows,
  ordered: () => 1,
  threadBytes: (node) => dotBytes(convProduct(node), groups(node.attrs)),
  emit: (emission) => dot(emission, convProduct(emission.node), groups(emission.node.attrs)),
};
