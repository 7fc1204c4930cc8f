import fc from "fast-check";
import { expect, test } from "vitest";
import { floodFill } from "./floodFill.ts";

const picture = fc.tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 })).chain(([width, height]) =>
  fc.record({
    width: fc.constant(width),
    height: fc.constant(height),
    shades: fc.array(fc.constantFrom(0, 10, 60), { minLength: width * height, maxLength: width * height }),
    x: fc.nat(width - 1),
    y: fc.nat(height - 1),
    tolerance: fc.constantFrom(0, 10, 49, 255),
  }),
);

test("the bucket fills what a walk from pixel to pixel reaches", () => {
  fc.assert(
    fc.property(picture, ({ width, height, shades, x, y, tolerance }) => {
      const data = Uint8ClampedArray.from(shades.flatMap((shade) => [5, shade, 7, 255]));
      const reached = new Set<number>();
      const walk = (i: number, j: number) => {
        const at = j * width + i;
        if (i < 0 || j < 0 || i >= width || j >= height || reached.has(at)) return;
        if (Math.abs(shades[at] - shades[y * width + x]) > tolerance) return;
        reached.add(at);
        for (const [di, dj] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) walk(i + di, j + dj); // prettier-ignore
      };
      walk(x, y);
      const filled = floodFill({ width, height, data }, x, y, tolerance).data;
      expect([...filled]).toEqual(shades.map((_, at) => (reached.has(at) ? 255 : 0)));
    }),
  );
});
