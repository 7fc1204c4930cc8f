import fc from "fast-check";
import { expect, test } from "vitest";
import { fittedSize } from "./openPicture.ts";

const model = { width: 64, height: 64, sizeStep: 16 };

test.each([
  [64, 64, 64, 64],
  [96, 64, 96, 64],
  [128, 128, 128, 128],
  [4032, 3024, 80, 64],
  [1000, 3000, 64, 128],
  [20, 20, 64, 64],
  [100, 100, 64, 64],
])("a picture of %i × %i is edited at %i × %i", (width, height, w, h) => {
  expect(fittedSize({ width, height }, model)).toEqual({ width: w, height: h });
});

test("every size becomes one that the model paints, and that stays", () => {
  const side = fc.integer({ min: 1, max: 20_000 });
  fc.assert(
    fc.property(side, side, (width, height) => {
      const size = fittedSize({ width, height }, model);
      for (const length of [size.width, size.height]) {
        expect(length % 16).toBe(0);
        expect(length >= 64 && length <= 128).toBe(true);
      }
      expect(fittedSize(size, model)).toEqual(size);
    }),
  );
});
