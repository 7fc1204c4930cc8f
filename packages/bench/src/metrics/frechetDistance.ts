import { EigenvalueDecomposition, Matrix } from "ml-matrix";

/** A Gaussian, or what `FeatureStatistics` says of a set of pictures. */
export interface MeanAndCovariance {
  /** How many features. */
  readonly size: number;
  mean(): Float64Array;
  /** [size size], row by row, symmetric. */
  covariance(): Float64Array;
}

/**
 * The Fréchet distance of two Gaussians, squared as everyone reports it (Dowson & Landau 1982; FID of Heusel et al. 2017,
 * eq. 6): |m₁ − m₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁^½ Σ₂ Σ₁^½)^½. That matrix is symmetric, so the last trace is the sum of
 * the roots of its eigenvalues, and no root of a matrix that is not symmetric is needed. With features of Inception it is
 * the FID, with those of `evalnet` a number of its own. Takes minutes for 2048 features. What rounding leaves of a distance
 * that is nought, about a millionth of the traces, is never negative.
 */
export function frechetDistance(a: MeanAndCovariance, b: MeanAndCovariance): number {
  const d = a.size;
  if (b.size !== d) throw new RangeError(`frechetDistance: ${d} features cannot be compared with ${b.size}.`);
  const [first, second] = [a, b].map((g) => Matrix.from1DArray(d, d, g.covariance()));
  const other = b.mean();
  const means = a.mean().reduce((sum, m, i) => sum + (m - other[i]) ** 2, 0);
  const root = squareRoot(first);
  const product = root.mmul(second).mmul(root);
  const roots = eigen(product).realEigenvalues.reduce((sum, l) => sum + Math.sqrt(Math.max(0, l)), 0);
  return Math.max(0, means + first.trace() + second.trace() - 2 * roots);
}

/** Eigenvalues of what is symmetric but for rounding, with orthonormal vectors. */
const eigen = (m: Matrix): EigenvalueDecomposition =>
  new EigenvalueDecomposition(Matrix.add(m, m.transpose()).mul(0.5), { assumeSymmetric: true });

/** The root of a symmetric matrix; eigenvalues that rounding made negative count as zero. */
function squareRoot(m: Matrix): Matrix {
  const { eigenvectorMatrix: vectors, realEigenvalues } = eigen(m);
  const scales = realEigenvalues.map((l) => Math.sqrt(Math.max(0, l)));
  return vectors.clone().mulRowVector(scales).mmul(vectors.transpose());
}
