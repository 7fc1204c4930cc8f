import type { Value } from "../../wasm/asm.ts";
import { physicalOrder, physicalStrides } from "../../plan/layout.ts";
import type { Shape } from "../../graph/tensor.ts";
import type { WasmKernel } from "../../wasm/kernel.ts";
import { i32, read } from "../../wasm/simd.ts";

const block = 1024;

/** Moves single numbers between pictures and other shapes, where row-major order is not the order in memory. */
export const gather: WasmKernel = {
  name: "reshape.gather",
  accepts: () => true,
  items: (node) => Math.ceil(node.elements / block),
  emit({ f, node, operand, result, begin, end }) {
    /** Σ of coordinate · stride, for an index that counts through `order`, last fastest. */
    const remap = (index: Value<"i32">, shape: Shape, order: readonly number[], strides: readonly number[]) => {
      let rest = index;
      let sum: Value<"i32"> = i32.add(0, 0);
      for (const d of order.toReversed()) {
        if (shape[d] === 1) continue;
        sum = i32.add(sum, i32.mul(i32.remU(rest, shape[d]), strides[d]));
        rest = f.let(i32.divU(rest, shape[d]));
      }
      return f.let(sum);
    };
    const rowMajor = (shape: Shape) => shape.map((_, d) => shape.slice(d + 1).reduce((a, b) => a * b, 1));
    const from = node.inputs.x.shape;
    f.range(i32.mul(begin, block), f.let(i32.min(i32.mul(end, block), node.elements)), 1, (index) => {
      const logical = remap(index, node.shape, physicalOrder(node.shape.length), rowMajor(node.shape));
      const physical = remap(logical, from, [...from.keys()], physicalStrides(from));
      f.store(i32.add(result, i32.mul(index, 4)), read.f32(i32.add(operand("x"), i32.mul(physical, 4))));
    });
  },
};

export const ladder: readonly WasmKernel[] = [gather];
