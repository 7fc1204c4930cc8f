import { physicalOrder, physicalStrides } from "../plan/layout.ts";
import { product, type Shape, type Tensor } from "../graph/tensor.ts";

/**
 * WGSL for where element number `index` of a box of `sizes` (outermost first) lies in memory with `strides`. Neighbouring
 * dimensions that memory walks in one stride share one term, so most offsets need no division.
 */
export function offset(index: string, sizes: Shape, strides: readonly number[]): string {
  const axes: { size: number; stride: number }[] = [];
  sizes.forEach((size, d) => {
    const outer = axes.at(-1);
    if (size === 1) return;
    if (outer && outer.stride === strides[d] * size)
      axes[axes.length - 1] = { size: outer.size * size, stride: strides[d] };
    else axes.push({ size, stride: strides[d] });
  });
  const terms = axes.flatMap(({ size, stride }, d) => {
    if (stride === 0) return [];
    const inner = product(axes.slice(d + 1).map((axis) => axis.size));
    const divided = inner === 1 ? index : `${index} / ${inner}`;
    const coordinate = d === 0 ? divided : `${divided} % ${size}`;
    return [stride === 1 ? coordinate : `${coordinate} * ${stride}`];
  });
  return terms.join(" + ") || "0";
}

/** Sizes in the order in which the device stores them. */
export const physicalSizes = (shape: Shape): number[] => physicalOrder(shape.length).map((d) => shape[d]);

/** Whether four neighbours in memory, from a multiple of four on, are always neighbours along one dimension. */
export const inFours = ({ shape }: Pick<Tensor, "shape">): boolean => (physicalSizes(shape).at(-1) ?? 1) % 4 === 0;

/** WGSL for the coordinate along logical dimension `axis` of the element stored at `index`. */
export function coordinate(index: string, shape: Shape, axis: number): string {
  return `${index} / ${physicalStrides(shape)[axis]} % ${shape[axis]}`;
}

/** WGSL for the element of an operand that belongs to the element stored at `index` of a result of `shape`. */
export const operandOffset = (index: string, shape: Shape, strides: readonly number[]): string =>
  offset(
    index,
    physicalSizes(shape),
    physicalOrder(shape.length).map((d) => strides[d]),
  );
