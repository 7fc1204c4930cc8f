import { Graph } from "@tessera/kernels";
import { componentGraph, sd15 } from "@tessera/models";
import { toFloat32 } from "@tessera/safetensors";
import { expect, test } from "vitest";
import { randomInputs, randomWeights } from "./randomNumbers.ts";

test("weights keep the variance, are the same every time, and differ from one to the next", async () => {
  const graph = componentGraph({ component: "unet", config: sd15.unet });
  const weights = randomWeights(graph);
  const name = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight";
  const numbers = toFloat32(await weights.get(name));
  const power = numbers.reduce((sum, x) => sum + x * x, 0) / numbers.length;
  expect(320 * power).toBeCloseTo(1, 1);
  expect(toFloat32(await randomWeights(graph).get(name))).toEqual(numbers);
  expect(toFloat32(await weights.get(name.replace("to_q", "to_k")))).not.toEqual(numbers);
  expect(toFloat32(await weights.get("conv_norm_out.weight")).every((x) => x === 1)).toBe(true);
  expect(toFloat32(await weights.get("conv_out.bias")).every((x) => x === 0)).toBe(true);
  // Longer than the pool that numbers come from.
  const large = "mid_block.resnets.0.conv1.weight";
  expect((await weights.get(large)).data.length).toBe(weights.info(large)!.bytes);
});

test("inputs have variance 1; whole numbers are ids", () => {
  const graph = new Graph();
  graph.input("x", [1000, 10]);
  graph.input("ids", [100], "i32");
  const { x, ids } = randomInputs(graph);
  expect([...x].reduce((sum, v) => sum + v * v, 0) / x.length).toBeCloseTo(1, 1);
  expect(ids).toBeInstanceOf(Int32Array);
  expect(ids.every((id: number) => id >= 0 && id < 50)).toBe(true);
});
