import { blocking, gemm as emitGemm } from "../../wasm/gemm.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { panels } from "../../wasm/panels.ts";
import { convProduct } from "./product.wasm.ts";

/** Implicit matrix product: pixels × (window · channels) × output channels, with packed weights. */
export const gemm: WasmKernel = {
  name: "conv2d.gemm[2x16]",
  accepts({ inputs, attrs }, { isParam }) {
    if (!isParam(inputs.weight)) return "its weight is computed, not a parameter that could be packed";
    return attrs.groups === 1 || `it has ${attrs.groups} groups`;
  },
  packings: ({ inputs }, { weightDtype }) => ({ weight: panels[weightDtype(inputs.weight)] }),
  items: (node) => blocking(convProduct(node)).items,
  ordered: (node) => blocking(convProduct(node)).across,
  threadBytes: (node) => blocking(convProduct(node)).threadBytes,
  emit: (emission) => emitGemm(emission, convProduct(emission.node)),
};
