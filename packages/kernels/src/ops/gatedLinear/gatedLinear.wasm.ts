import type { Expr } from "../../graph/expr.ts";
import type { Tensor } from "../../graph/tensor.ts";
import { blocking, gemm as emitGemm } from "../../wasm/gemm.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { PANEL, panels } from "../../wasm/panels.ts";
import { printExpr } from "../../wasm/printExpr.ts";
import type { Product } from "../../wasm/product.ts";
import { f32x4, i32, read } from "../../wasm/simd.ts";

function gatedProduct(node: Tensor): Product {
  const { b, k, o } = node.op.dims(node);
  return {
    rows: b,
    columns: o,
    halves: 2,
    taps: 1,
    depth: k,
    dense: true,
    point: (f, row, x, _zeros, address) => f.store(address, i32.add(x, i32.mul(row, 4 * k))),
  };
}

/** Matrix product with packed weights; an item computes a panel of both halves, so that they meet before memory. */
export const gemm: WasmKernel = {
  name: "gatedLinear.gemm[2x16]",
  accepts({ shape, inputs }, { isParam }) {
    if (!isParam(inputs.weight)) return "its weight is computed, not a parameter that could be packed";
    if (shape.at(-1)! % PANEL) return `its ${shape.at(-1)} columns are not a multiple of ${PANEL}`;
    return shape.length !== 4 || "the last dimension of a picture is not contiguous";
  },
  packings: ({ inputs }, { weightDtype }) => ({ weight: panels[weightDtype(inputs.weight)] }),
  items: (node) => blocking(gatedProduct(node)).items,
  threadBytes: (node) => blocking(gatedProduct(node)).threadBytes,
  emit(emission) {
    const { f, node, dims, operand } = emission;
    const bias = operand("bias");
    emitGemm(emission, gatedProduct(node), (halves, bytes) => {
      const biased = halves.map((sum, h) => f.let(f32x4.add(sum, read.v128(i32.add(bias, bytes), 4 * h * dims.o))));
      return printExpr(f, node.attrs.expr as Expr, biased);
    });
  },
};

export const ladder: readonly WasmKernel[] = [gemm];
