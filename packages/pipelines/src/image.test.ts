import { expect, test } from "vitest";
import { imageFromTensor, imageToTensor } from "./image.ts";
import { resizeImage } from "./resizeImage.ts";

test("planes become pixels: limited, rounded to the nearest, halves to even", () => {
  const image = imageFromTensor(Float32Array.of(-1, 1, -2, 2, 0, 1 / 255), 2, 1);
  expect([...image.data]).toEqual([0, 0, 128, 255, 255, 255, 128, 255]);
});

test("pixels become planes and the same pixels again", () => {
  const data = Uint8ClampedArray.from({ length: 4 * 64 }, (_, i) => (i % 4 === 3 ? 255 : (37 * i) % 256));
  const image = { width: 16, height: 4, data };
  const tensor = imageToTensor(image);
  expect([tensor[0], tensor[64]]).toEqual([-1, Math.fround(2 * (37 / 255) - 1)]);
  expect(imageFromTensor(tensor, 16, 4)).toEqual(image);
});

test("what is transparent shows white", () => {
  expect([...imageToTensor({ width: 1, height: 1, data: Uint8ClampedArray.of(0, 10, 20, 0) })]).toEqual([1, 1, 1]);
});

test("resizing cuts to the shape and averages, without a shift", () => {
  const ramp = new Uint8ClampedArray(4 * 8 * 4).map((_, i) => (i % 4 === 3 ? 255 : 10 * (Math.floor(i / 4) % 8)));
  const image = { width: 8, height: 4, data: ramp };
  expect(resizeImage(image, 8, 4)).toEqual(image);
  const half = resizeImage(image, 4, 2); // [1 3 3 1] / 8, one side cut off at the border
  expect([...half.data.subarray(4, 12)]).toEqual([25, 25, 25, 255, 45, 45, 45, 255]);
  const square = resizeImage(image, 4, 4);
  expect([...square.data.subarray(0, 16)].filter((_, i) => i % 4 === 0)).toEqual([20, 30, 40, 50]);
  expect(resizeImage(image, 16, 8).data.length).toBe(4 * 16 * 8);
});
