import fc from "fast-check";
import { expect, test } from "vitest";
import { fit, pan, toPicture, toScreen, zoom, type Point } from "./viewport.ts";

const length = fc.double({ min: 1, max: 2000, noNaN: true });
const size = fc.record({ width: length, height: length });
const point = fc.record({ x: fc.double({ min: -500, max: 2500, noNaN: true }), y: length });
const view = fc.record({ x: length, y: length, scale: fc.double({ min: 0.1, max: 40, noNaN: true }) });

const near = (a: Point, b: Point) => {
  expect(a.x).toBeCloseTo(b.x, 4);
  expect(a.y).toBeCloseTo(b.y, 4);
};

test("screen and picture are inverse to each other", () => {
  fc.assert(fc.property(view, size, point, (v, pane, p) => near(toPicture(v, pane, toScreen(v, pane, p)), p)));
});

test("zooming keeps what lies under the pointer, and back is where it was", () => {
  fc.assert(
    fc.property(view, size, point, fc.double({ min: 0.5, max: 2, noNaN: true }), (v, pane, at, factor) => {
      const zoomed = zoom(v, pane, at, factor);
      near(toPicture(zoomed, pane, at), toPicture(v, pane, at));
      if (zoomed.scale !== v.scale * factor) return; // at a limit
      near(zoom(zoomed, pane, at, 1 / factor), v);
    }),
  );
});

test("a fitted picture is seen whole, and panning never loses it", () => {
  fc.assert(
    fc.property(
      size,
      fc.record({ width: fc.integer({ min: 100, max: 900 }), height: fc.integer({ min: 100, max: 900 }) }),
      fc.double({ min: -1e4, max: 1e4, noNaN: true }),
      (picture, pane, distance) => {
        const whole = fit(picture, pane);
        if (whole.scale > 1 / 16 && whole.scale < 64)
          for (const corner of [
            { x: 0, y: 0 },
            { x: picture.width, y: picture.height },
          ]) {
            const { x, y } = toScreen(whole, pane, corner);
            expect(x >= 0 && x <= pane.width && y >= 0 && y <= pane.height).toBe(true);
          }
        const { x, y } = pan(whole, picture, distance, -distance);
        expect(x >= 0 && x <= picture.width && y >= 0 && y <= picture.height).toBe(true);
      },
    ),
  );
});
