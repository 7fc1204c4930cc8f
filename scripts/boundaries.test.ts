import { describe, expect, test } from "vitest";
import { arrows, violation, type Manifest } from "./boundaries.ts";

const root: Manifest = { name: "tessera", devDependencies: { vitest: "*" } };
const manifest: Manifest = {
  name: "@tessera/here",
  dependencies: { "@tessera/kernels": "*", "@tessera/safetensors": "*", "@tessera/sampling": "*", known: "*" },
  imports: { "#gpu": {} },
};
/** What is wrong with the imports of one file. */
const check = (file: string, source: string) => arrows(source).map((arrow) => violation(file, arrow, manifest, root));

test("every way to import is seen", () => {
  const source = `
    import { value, type Kind } from "a";
    import type { Kind2 } from "b";
    import { type Kind3 } from "c";
    export * from "d";
    export type { Kind4 } from "e";
    import "f";
    const g = await import("g");
    type H = import("h").H;
    const worker = new Worker(new URL("./i.ts", import.meta.url));
    const data = new URL("./j.json", import.meta.url);
    const text = 'import "k"'; // import "l"`;
  expect(arrows(source)).toEqual(["a", "b", "c", "d", "e", "f", "g", "h", "./i.ts"]);
});

describe("between packages", () => {
  test.each([
    ["packages/models/src/a.ts", `import { conv2d } from "@tessera/kernels/ops"`, undefined],
    ["packages/models/src/a.ts", `import { webgpu } from "@tessera/kernels/webgpu"`, "is no arrow of the drawing"],
    ["packages/models/src/a.ts", `import { sample } from "@tessera/sampling"`, "is no arrow of the drawing"],
    ["packages/models/src/a.ts", `import type { WeightSource } from "@tessera/safetensors"`, undefined],
    [
      "packages/models/src/a.ts",
      `import { fileSource } from "@tessera/safetensors/node"`,
      "is no arrow of the drawing",
    ],
    ["packages/sampling/src/a.ts", `import type { Tensor } from "@tessera/kernels"`, "is no arrow of the drawing"],
    ["packages/pipelines/src/a.ts", `import { wasm } from "@tessera/kernels/wasm"`, undefined],
    ["packages/models/src/a.ts", `import "../../kernels/src/index.ts"`, "leaves its package"],
    ["packages/models/src/a.ts", `import known from "known/part"`, undefined],
    ["packages/models/src/a.ts", `import hoisted from "hoisted"`, "is not a declared dependency of its package"],
    ["packages/models/src/a.ts", `import { test } from "vitest"`, "is not a declared dependency of its package"],
    ["packages/models/src/a.test.ts", `import { test } from "vitest"`, undefined],
    ["packages/models/src/a.ts", `import "@tessera/testing"`, "is not a declared dependency of its package"],
    ["packages/models/src/a.test.ts", `import "@tessera/testing"`, undefined],
    [
      "packages/models/src/a.ts",
      `import "node:fs"`,
      "is Node only; such files end in .node.ts or lie in a folder node/",
    ],
    ["packages/models/src/node/a.ts", `import "node:fs"`, undefined],
    ["packages/models/src/a.ts", `import "#gpu"`, undefined],
    ["packages/models/src/a.ts", `import "#cpu"`, "is not in its package's `imports`"],
  ])("%s: %s", (file, source, wrong) => expect(check(file, source)).toEqual([wrong]));
});

describe("inside kernels", () => {
  test.each([
    ["plan/a.ts", "../graph/graph.ts", undefined],
    ["graph/a.ts", "../ops/index.ts", "points upwards, from graph to ops"],
    ["ops/index.ts", "../plan/kernel.ts", "points upwards, from ops to plan"],
    ["ops/conv2d/direct.wgsl.ts", "../../plan/kernel.ts", undefined],
    ["ops/conv2d/direct.wgsl.ts", "./gemm.wasm.ts", "crosses from one backend to another"],
    ["ops/conv2d/op.ts", "./direct.wgsl.ts", "points upwards, from ops to webgpu"],
    ["wasm/ladders.ts", "../ops/conv2d/gemm.wasm.ts", undefined],
    ["wasm/ladders.ts", "../ops/conv2d/direct.wgsl.ts", "crosses from one backend to another"],
    ["wasm/a.ts", "../webgpu/a.ts", "crosses from one backend to another"],
    ["null/a.ts", "../reference/a.ts", "crosses from one backend to another"],
    ["plan/a.ts", "../reference/a.ts", "points upwards, from plan to reference"],
    ["index.ts", "./compile.ts", undefined],
    ["index.ts", "./webgpu/index.ts", "points upwards, from index to webgpu"],
    ["compile.ts", "./ops/conv2d/direct.wgsl.ts", "points upwards, from compile to webgpu"],
    ["webgpu/a.ts", "../compile.ts", "points upwards, from webgpu to compile"],
    ["attic/a.ts", "../graph/graph.ts", "has no floor: scripts/boundaries.ts does not know attic"],
  ])("%s imports %s", (file, to, wrong) => {
    expect(check(`packages/kernels/src/${file}`, `import ${JSON.stringify(to)}`)).toEqual([wrong]);
  });
  test("a test may look anywhere in its package", () => {
    expect(check("packages/kernels/src/graph/a.test.ts", `import "../wasm/index.ts"`)).toEqual([undefined]);
  });
});
