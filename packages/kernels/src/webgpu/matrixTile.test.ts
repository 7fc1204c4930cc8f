import { expect, test } from "vitest";
import { Graph } from "../graph/graph.ts";
import * as ops from "../ops/index.ts";
import { without } from "../options.ts";
import { plan } from "../plan/plan.ts";
import { capsOf, guaranteed, subgroupMatrixFeature } from "./caps.ts";
import * as ladders from "./ladders.ts";
import type { WgslKernel } from "./wgslKernel.ts";

/** The shader of a linear layer on matrix units of some size. */
function shader(subgroupMatrix: { m: number; n: number; k: number }, subgroupSize: number): string {
  const graph = new Graph();
  const weight = graph.param("weight", [70, 36]);
  graph.output("y", ops.silu(ops.linear({ x: graph.input("x", [50, 36]), weight })));
  const others = ladders.linear.map(({ name }) => name).filter((name) => name !== "linear.tiledSubgroupMatrix");
  const caps = { ...guaranteed, f16: true, subgroupSize, subgroupMatrix };
  const { calls, context } = plan(graph, { caps, ladders, memoryUnit: "blocks" }, without(...others), () => "f16");
  expect(calls[0].kernel.name).toBe("linear.tiledSubgroupMatrix");
  return (calls[0].kernel as WgslKernel).shaders(calls[0].node, context)[0].code;
}

// Dawn's null backend offers every feature and computes nothing: the language is checked, matrix sizes are not.
test("its WGSL is valid for the sizes that GPUs have", async ({ skip }) => {
  const dawn = await import("webgpu").catch(() => skip("the package webgpu is not installed"));
  const gpu = dawn.create(["enable-dawn-features=allow_unsafe_apis", "backend=null"]);
  Object.assign(globalThis, { [Symbol.for("tessera.dawn.null")]: gpu }); // Dawn aborts if it is collected
  const adapter = await gpu.requestAdapter();
  const requiredFeatures = ["shader-f16", "subgroups", subgroupMatrixFeature] as GPUFeatureName[];
  const device = await adapter!.requestDevice({ requiredFeatures });
  for (const [m, n, k, lanes] of [
    [8, 8, 8, 32],
    [16, 16, 16, 32],
    [16, 8, 16, 32],
    [16, 8, 8, 64],
    [8, 16, 16, 8],
  ]) {
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ code: shader({ m, n, k }, lanes) });
    const { messages } = await module.getCompilationInfo();
    expect(messages.map(({ message }) => message)).toEqual([]);
    expect(await device.popErrorScope()).toBeNull();
  }
  device.destroy();
});

test("works in the memory that every workgroup has", () => {
  const code = shader({ m: 16, n: 16, k: 16 }, 32);
  const bytes = [...code.matchAll(/var<workgroup> \w+: array<f(16|32), (\d+)>/g)].map(
    ([, bits, n]) => (+bits / 8) * +n,
  );
  expect(bytes).toHaveLength(4);
  expect(bytes.reduce((a, b) => a + b)).toBeLessThanOrEqual(guaranteed.maxComputeWorkgroupStorageSize);
});

test("sizes are read from the adapter: halves added in f32, the largest that fit", () => {
  const config = (componentType: string, resultComponentType: string, M: number, N: number, K: number) => ({
    componentType,
    resultComponentType,
    M,
    N,
    K,
  });
  const sizes = (features: string[], ...subgroupMatrixConfigs: ReturnType<typeof config>[]) =>
    capsOf({
      limits: guaranteed as unknown as GPUSupportedLimits,
      features: new Set(features),
      adapterInfo: { subgroupMatrixConfigs } as unknown as GPUAdapterInfo,
    }).subgroupMatrix;
  const all = ["shader-f16", "subgroups", subgroupMatrixFeature];
  const [small, large] = [config("f16", "f32", 8, 8, 8), config("f16", "f32", 16, 16, 16)];
  expect(sizes(all, small, large, config("f16", "f16", 32, 32, 32))).toEqual({ m: 16, n: 16, k: 16 });
  expect(sizes(all, config("i8", "i32", 8, 8, 32), config("f16", "f32", 24, 8, 8))).toBeUndefined();
  expect(sizes(all)).toBeUndefined();
  expect(sizes(["shader-f16"], small)).toBeUndefined();
  expect(sizes([subgroupMatrixFeature], small)).toBeUndefined();
});
