import type { Shape } from "./tensor.ts";

/** Float64 numbers seen as a tensor of rank ≤ 4, row-major in logical order. `at` and `set` do not check bounds. */
export class View {
  readonly data: Float64Array;
  readonly shape: Shape;
  readonly #s0: number;
  readonly #s1: number;
  readonly #s2: number;

  constructor(data: Float64Array, shape: Shape) {
    this.data = data;
    this.shape = shape;
    const [, d1 = 1, d2 = 1, d3 = 1] = shape;
    this.#s2 = d3;
    this.#s1 = d2 * d3;
    this.#s0 = d1 * d2 * d3;
  }

  at(i: number, j = 0, k = 0, l = 0): number {
    return this.data[i * this.#s0 + j * this.#s1 + k * this.#s2 + l];
  }

  set(value: number, i: number, j = 0, k = 0, l = 0): void {
    this.data[i * this.#s0 + j * this.#s1 + k * this.#s2 + l] = value;
  }
}
