import type { Tensors, WeightSource } from "@tessera/safetensors";

/**
 * A sum of many float64 numbers with what rounding took from it (Knuth 1969, TwoSum): `high + low` is the sum rounded
 * once, whatever the order, as long as the numbers are products of float32 numbers not wildly apart in size.
 */
class Sums {
  readonly high: Float64Array;
  readonly low: Float64Array;
  constructor(length: number) {
    this.high = new Float64Array(length);
    this.low = new Float64Array(length);
  }
  add(i: number, x: number): void {
    const before = this.high[i];
    const sum = before + x;
    const part = sum - before;
    this.low[i] += before - (sum - part) + (x - part);
    this.high[i] = sum;
  }
  values(): Float64Array {
    return this.high.map((h, i) => h + this.low[i]);
  }
  merge(other: Sums): void {
    for (let i = 0; i < this.high.length; i++) {
      this.add(i, other.high[i]);
      this.low[i] += other.low[i];
    }
  }
}

/**
 * Mean and covariance of float32 features, of one picture after the other. Sums are kept to twice float64's precision,
 * so those of the parts of a set, merged in any order, give the very numbers of the whole.
 */
export class FeatureStatistics {
  readonly size: number;
  #count = 0;
  readonly #sum: Sums;
  readonly #products: Sums;

  constructor(size: number) {
    this.size = size;
    this.#sum = new Sums(size);
    this.#products = new Sums((size * (size + 1)) / 2);
  }

  /** How many pictures there are. */
  get count(): number {
    return this.#count;
  }

  /** Adds features [n size]. */
  add(features: Float32Array): this {
    const d = this.size;
    if (features.length % d)
      throw new RangeError(`FeatureStatistics: ${features.length} numbers are no multiple of ${d} features.`);
    for (let first = 0; first < features.length; first += d) {
      for (let i = 0, at = 0; i < d; i++) {
        const x = features[first + i];
        if (!Number.isFinite(x))
          throw new RangeError(`FeatureStatistics: feature ${i} of picture ${this.#count} is ${x}.`);
        this.#sum.add(i, x);
        for (let j = i; j < d; j++, at++) this.#products.add(at, x * features[first + j]);
      }
      this.#count++;
    }
    return this;
  }

  /** Adds the pictures of another set. */
  merge(other: FeatureStatistics): this {
    if (other.size !== this.size)
      throw new RangeError(`FeatureStatistics: cannot merge ${other.size} features into ${this.size}.`);
    this.#sum.merge(other.#sum);
    this.#products.merge(other.#products);
    this.#count += other.#count;
    return this;
  }

  mean(): Float64Array {
    return this.#sum.values().map((sum) => sum / this.#count);
  }

  /** The covariance, [size size] row by row, divided by n − 1 (as `numpy.cov`). */
  covariance(): Float64Array {
    const [n, d] = [this.#count, this.size];
    if (n < 2) throw new RangeError(`FeatureStatistics: a covariance needs at least 2 pictures, there are ${n}.`);
    const [sum, products] = [this.#sum.values(), this.#products.values()];
    const covariance = new Float64Array(d * d);
    for (let i = 0, at = 0; i < d; i++)
      for (let j = i; j < d; j++, at++)
        covariance[i * d + j] = covariance[j * d + i] = (products[at] - (sum[i] * sum[j]) / n) / (n - 1);
    return covariance;
  }

  /** For a file: `count`, `sum` and `products`, each with what rounding took. */
  tensors(): Tensors {
    const tensor = (...parts: Float64Array[]) => {
      const all = Float64Array.from(parts.flatMap((p) => [...p]));
      return { dtype: "F64" as const, shape: [parts.length, parts[0].length], data: new Uint8Array(all.buffer) };
    };
    return {
      count: tensor(Float64Array.of(this.#count)),
      sum: tensor(this.#sum.high, this.#sum.low),
      products: tensor(this.#products.high, this.#products.low),
    };
  }

  /** Reads what `tensors` wrote. */
  static async from(source: WeightSource): Promise<FeatureStatistics> {
    const read = async (name: string) => new Float64Array(new Uint8Array((await source.get(name)).data).buffer);
    const sum = await read("sum");
    const statistics = new FeatureStatistics(sum.length / 2);
    const products = await read("products");
    for (const [into, from] of [
      [statistics.#sum, sum],
      [statistics.#products, products],
    ] as const) {
      if (from.length !== 2 * into.high.length)
        throw new RangeError(
          `FeatureStatistics.from: ${statistics.size} features have ${2 * into.high.length} numbers, the file has ${from.length}.`,
        );
      into.high.set(from.subarray(0, from.length / 2));
      into.low.set(from.subarray(from.length / 2));
    }
    [statistics.#count] = await read("count");
    return statistics;
  }
}
