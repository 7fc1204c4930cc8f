import { expect, test } from "vitest";
import { drawingOn, flatten, isBlank, layer, paintedMask } from "./drawing.ts";
import { heatMap } from "./heatMap.ts";
import { colourOf, hexOf } from "./stroke.ts";

const image = (...pixels: number[][]) => ({
  width: pixels.length,
  height: 1,
  data: Uint8ClampedArray.from(pixels.flat()),
});
const grey = [100, 100, 100, 255];

test("paint lies over the picture, and its faint edge is no edit", () => {
  const plain = drawingOn(image(grey, grey, grey));
  expect(isBlank(plain.paint)).toBe(true);
  expect(flatten(plain).data).toEqual(plain.base.data);
  const paint = layer(image([0, 0, 0, 0], [200, 0, 100, 255], [200, 0, 100, 10]).data);
  const painted = { ...plain, paint };
  expect(isBlank(paint)).toBe(false);
  expect([...flatten(painted).data]).toEqual([...grey, 200, 0, 100, 255, 104, 96, 100, 255]);
  expect([...paintedMask(painted).data].filter((_, i) => i % 4 === 0)).toEqual([0, 255, 0]);
});

test("a heat map is black where pictures agree and white where they least do", () => {
  const heat = heatMap(image(grey, grey, grey), image(grey, [100, 110, 95, 255], [100, 0, 0, 255]), 8);
  expect([...heat.data]).toEqual([0, 0, 0, 255, 240, 0, 0, 255, 255, 255, 255, 255]);
});

test("colours are written as the page writes them", () => {
  expect(hexOf([0, 9, 255])).toBe("#0009ff");
  expect(colourOf("#0009ff")).toEqual([0, 9, 255]);
});
