/**
 * Counts which class was seen where which one is true. Intersection over union of class c is the pixels where both say
 * c over those where either does (Everingham et al. 2010; the Cityscapes benchmark); mIoU is its mean over the classes
 * that occur. Counts of the parts of a set, merged, are those of the whole.
 */
export class ConfusionMatrix {
  readonly classes: number;
  /** [classes classes], true class by seen class. */
  readonly counts: Float64Array;

  constructor(classes: number, counts: ArrayLike<number> = new Float64Array(classes * classes)) {
    if (counts.length !== classes ** 2)
      throw new RangeError(`ConfusionMatrix: ${classes} classes have ${classes ** 2} counts, got ${counts.length}.`);
    this.classes = classes;
    this.counts = Float64Array.from(counts);
  }

  /** Adds label maps of the same size; pixels whose true label is `ignore` do not count. */
  add(seen: ArrayLike<number>, truth: ArrayLike<number>, ignore = 255): this {
    if (seen.length !== truth.length)
      throw new RangeError(`ConfusionMatrix: label maps of ${seen.length} and ${truth.length} pixels do not compare.`);
    const known = (label: number) => Number.isInteger(label) && label >= 0 && label < this.classes;
    for (let i = 0; i < truth.length; i++) {
      if (truth[i] === ignore) continue;
      if (!known(truth[i]) || !known(seen[i]))
        throw new RangeError(
          `ConfusionMatrix: pixel ${i} has labels ${seen[i]} for ${truth[i]}, of ${this.classes} classes.`,
        );
      this.counts[truth[i] * this.classes + seen[i]]++;
    }
    return this;
  }

  /** Adds the counts of another set. */
  merge(other: ConfusionMatrix): this {
    if (other.classes !== this.classes)
      throw new RangeError(`ConfusionMatrix: cannot merge ${other.classes} classes into ${this.classes}.`);
    other.counts.forEach((n, i) => (this.counts[i] += n));
    return this;
  }

  /** Intersection over union of each class; NaN for one that is neither true nor seen anywhere. */
  iou(): number[] {
    const n = this.classes;
    const all = Array.from({ length: n }, (_, k) => k);
    return all.map((c) => {
      const isTrue = all.reduce((sum, k) => sum + this.counts[c * n + k], 0);
      const isSeen = all.reduce((sum, k) => sum + this.counts[k * n + c], 0);
      const both = this.counts[c * n + c];
      return both / (isTrue + isSeen - both);
    });
  }

  /** The mean over classes that occur, in 0 … 1. */
  meanIou(): number {
    const occurring = this.iou().filter((x) => !Number.isNaN(x));
    return occurring.reduce((sum, x) => sum + x, 0) / occurring.length;
  }

  /** The share of pixels that are right. */
  accuracy(): number {
    const total = this.counts.reduce((sum, n) => sum + n, 0);
    return this.counts.reduce((sum, n, i) => sum + (i % (this.classes + 1) === 0 ? n : 0), 0) / total;
  }
}
