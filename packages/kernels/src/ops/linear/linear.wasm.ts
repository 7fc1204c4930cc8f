import type { Tensor } from "../../graph/tensor.ts";
import { dot as emitDot, dotBytes } from "../../wasm/dot.ts";
import { blocking, gemm as emitGemm } from "../../wasm/gemm.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { panels } from "../../wasm/panels.ts";
import type { Product } from "../../wasm/product.ts";
import { Rows } from "../../wasm/rows.ts";

function linearProduct(node: Tensor): Product {
  const { b, k, o } = node.op.dims(node);
  const rows = Rows.of(node.inputs.x.shape, [], alongLast(node));
  return {
    rows: b,
    columns: o,
    taps: 1,
    depth: k,
    dense: true,
    load: (from, bytes, lanes) => rows.load(0, from, bytes, lanes),
    point: (f, row, x, _zeros, address) => f.store(address, rows.locate(f, row, [x])[0]),
  };
}

const alongLast = ({ shape }: Tensor) => ({ inner: shape.length - 1 });

/** Matrix product with packed weights. */
export const gemm: WasmKernel = {
  name: "linear.gemm[2x16]",
  accepts({ shape, inputs }, { isParam }) {
    if (!isParam(inputs.weight)) return "its weight is computed, not a parameter that could be packed";
    return shape.length !== 4 || "the last dimension of a picture is not contiguous";
  },
  packings: ({ inputs }, { weightDtype }) => ({ weight: panels[weightDtype(inputs.weight)] }),
  items: (node) => blocking(linearProduct(node)).items,
  ordered: (node) => blocking(linearProduct(node)).across,
  threadBytes: (node) => blocking(linearProduct(node)).threadBytes,
  emit: (emission) => emitGemm(emission, linearProduct(emission.node)),
};

/** Dot products with a weight as it lies in memory, for any layout of x. */
export const dot: WasmKernel = {
  name: "linear.dot",
  accepts: () => true,
  items: (node) => linearProduct(node).rows,
  ordered: () => 1,
  threadBytes: (node) => dotBytes(linearProduct(node), 1),
  emit: (emission) => emitDot(emission, linearProduct(emission.node), 1, alongLast(emission.node)),
};

export const ladder: readonly WasmKernel[] = [gemm, dot];
