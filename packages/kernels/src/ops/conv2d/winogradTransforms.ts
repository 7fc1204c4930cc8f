/** What the transforms do with a number, or a vector, on some device. */
export interface Algebra<V> {
  add(a: V, b: V): V;
  sub(a: V, b: V): V;
  times(v: V, factor: number): V;
  /** Gives a result a name, so that it is computed once. */
  keep(v: V): V;
}

/**
 * Interpolation points ±p of F(m×m, 3×3), besides 0 and ∞. For F(4×4) these give less than half the error of the usual
 * ±1, ±2 (on such choices: Barabasz et al. 2020); for F(6×6) no three of 25 simple fractions from 1/4 to 5/2 do better
 * than these by more than a hundredth.
 */
const points: Readonly<Record<number, readonly number[]>> = { 2: [1], 4: [5 / 8, 3 / 2], 6: [1 / 2, 1, 2] };

/** The coefficients of Π (y − root), lowest power first. */
const polynomial = (roots: readonly number[]): number[] =>
  roots.reduce((p, root) => [...p, 0].map((_, k) => (p[k - 1] ?? 0) - root * (p[k] ?? 0)), [1]);
const squares = (pairs: readonly number[], but?: number) => pairs.filter((p) => p !== but).map((p) => p * p);

/** Σ factors[k] · values[k]. */
function weighted<V>({ add, sub, times }: Algebra<V>, factors: readonly number[], values: readonly V[]): V {
  const terms = factors.flatMap((c, k) => (c === 0 ? [] : [{ c, v: values[k] }]));
  const sorted = [...terms.filter(({ c }) => c !== -1), ...terms.filter(({ c }) => c === -1)];
  const [first, ...rest] = sorted;
  const scaled = ({ c, v }: { c: number; v: V }) => (c === 1 ? v : times(v, c));
  return rest.reduce((sum, t) => (t.c === -1 ? sub(sum, t.v) : add(sum, scaled(t))), scaled(first));
}

/**
 * Bᵀ d: m + 2 numbers of the picture. Rows are points 0, p, −p …, ∞: Lagrange's numerators, over his denominators, which
 * here cost less than among the weights where those are transformed anew for every batch of tiles.
 */
export function ofPicture<V>(a: Algebra<V>, m: number, d: readonly V[]): V[] {
  const all = polynomial(squares(points[m]));
  const every = (from: number) => d.filter((_, k) => k >= from && k % 2 === from % 2);
  const over = (coefficients: readonly number[], by: number) => coefficients.map((c) => c / by);
  return [
    weighted(a, over(all, all[0]), every(0)),
    ...points[m].flatMap((p) => {
      const others = polynomial(squares(points[m], p));
      const below = 2 * p * p * squares(points[m], p).reduce((n, q2) => n * (p * p - q2), 1);
      const even = a.keep(weighted(a, over(others, below), every(2)));
      const odd = a.keep(weighted(a, over(others, below / p), every(1)));
      return [a.add(even, odd), a.sub(even, odd)];
    }),
    weighted(a, all, every(1)),
  ].map(a.keep);
}

/** G g: the polynomial of 3 weights at the same points. */
export function ofWeights<V>(a: Algebra<V>, m: number, [g0, g1, g2]: readonly V[]): V[] {
  return [
    g0,
    ...points[m].flatMap((p) => {
      const even = a.keep(weighted(a, [1, p * p], [g0, g2]));
      const odd = a.keep(weighted(a, [p], [g1]));
      return [a.add(even, odd), a.sub(even, odd)];
    }),
    g2,
  ].map(a.keep);
}

/** Aᵀ s: m + 2 products to m results. */
export function ofProducts<V>(a: Algebra<V>, m: number, s: readonly V[]): V[] {
  const pairs = points[m].map((_, k) => [s[2 * k + 1], s[2 * k + 2]]);
  const [sums, differences] = [a.add, a.sub].map((op) => pairs.map(([p, q]) => a.keep(op(p, q))));
  return Array.from({ length: m }, (_, i) => {
    const factors = points[m].map((p) => p ** i);
    const ends = [...(i === 0 ? [s[0]] : []), ...(i === m - 1 ? [s[m + 1]] : [])];
    return a.keep(weighted(a, [...ends.map(() => 1), ...factors], [...ends, ...(i % 2 ? differences : sums)]));
  });
}

/** A transform along the rows, then along the columns, of a grid of numbers. */
export function both<V>(
  a: Algebra<V>,
  m: number,
  transform: (a: Algebra<V>, m: number, values: readonly V[]) => V[],
  grid: readonly (readonly V[])[],
): V[][] {
  const columns = grid[0].map((_, j) =>
    transform(
      a,
      m,
      grid.map((row) => row[j]),
    ),
  );
  return columns[0].map((_, i) =>
    transform(
      a,
      m,
      columns.map((column) => column[i]),
    ),
  );
}
