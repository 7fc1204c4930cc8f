import { semanticChannels, type GauganConfig } from "./config.ts";

/** What a picture shall show, pixel by pixel. */
export interface LabelMap {
  readonly width: number;
  readonly height: number;
  /** A label for each pixel, row by row. */
  readonly labels: ArrayLike<number>;
  /** Which thing each pixel belongs to, by any numbers. If not given, every patch of one label is one thing. */
  readonly instances?: ArrayLike<number>;
}

/**
 * The generator's input [c h w], in the order of NVlabs/SPADE's `preprocess_input`: a plane for each label, 1 where it
 * stands, then, unless the model has none, the edges between things. Where the model knows "don't care", 255 means it.
 *
 * @throws {RangeError} for a label that the model does not know, or lists of the wrong length
 */
export function segmentationOf(
  { width, height, labels, instances = labels }: LabelMap,
  config: GauganConfig,
): Float32Array {
  const pixels = width * height;
  for (const [what, { length }] of Object.entries({ labels, instances }))
    if (length !== pixels)
      throw new RangeError(`segmentationOf: ${what} has ${length} numbers, expected ${width} × ${height} = ${pixels}.`);
  const { label_nc, contain_dontcare_label, no_instance } = config;
  const known = label_nc + (contain_dontcare_label ? 1 : 0);
  const planes = new Float32Array(semanticChannels(config) * pixels);
  for (let i = 0; i < pixels; i++) {
    const label = labels[i] === 255 && contain_dontcare_label ? label_nc : labels[i];
    if (!(Number.isInteger(label) && label >= 0 && label < known))
      throw new RangeError(
        `The label at column ${i % width}, row ${Math.floor(i / width)} is ${label}, but this model knows 0 … ${known - 1}.`,
      );
    planes[label * pixels + i] = 1;
  }
  if (!no_instance) planes.set(edges(instances, width, height), known * pixels);
  return planes;
}

/** 1 where a pixel differs from the one beside, above or below it. */
export function edges(instances: ArrayLike<number>, width: number, height: number): Float32Array {
  const out = new Float32Array(width * height);
  for (let i = 0; i < out.length; i++) {
    if (i % width > 0 && instances[i] !== instances[i - 1]) out[i] = out[i - 1] = 1;
    if (i >= width && instances[i] !== instances[i - width]) out[i] = out[i - width] = 1;
  }
  return out;
}
