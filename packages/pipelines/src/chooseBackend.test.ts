import { requestAdapter, type isSoftware } from "@tessera/kernels/webgpu";
import { afterEach, expect, test, vi } from "vitest";
import { chooseBackend } from "./chooseBackend.ts";

type Webgpu = typeof import("@tessera/kernels/webgpu");
type Info = Parameters<typeof isSoftware>[0];

/** The adapter that is found, or why none is; undefined for what this machine has. */
let found: Info | Error | undefined;
vi.mock("@tessera/kernels/webgpu", async (importOriginal) => {
  const original = await importOriginal<Webgpu>();
  return {
    ...original,
    async requestAdapter() {
      if (found instanceof Error) throw found;
      return found ? { info: found } : original.requestAdapter();
    },
    webgpu: async () => ({ name: "webgpu", dispose: async () => {} }),
  };
});
afterEach(() => void (found = undefined));

async function automatic(): Promise<{ name: string; reason: string }> {
  const { backend, reason } = await chooseBackend("auto", { threads: 1 });
  await backend.dispose();
  return { name: backend.name, reason };
}

test.each<[string, Info]>([
  ["llvmpipe", { description: "llvmpipe: Mesa 25.0.7", vendor: "mesa", architecture: "software" }],
  ["SwiftShader Device", { device: "SwiftShader Device", vendor: "google", architecture: "swiftshader" }],
  ["Basic Render", { description: "Microsoft Basic Render Driver", vendor: "microsoft", isFallbackAdapter: true }],
])("auto takes WASM beside the software adapter %s, and says so", async (name, info) => {
  found = info;
  const chosen = await automatic();
  expect(chosen.name).toBe("wasm");
  expect(chosen.reason).toMatch(/^wasm, since the only WebGPU adapter, .*, is a processor in disguise\.$/);
  expect(chosen.reason).toContain(name);
});

test("auto takes a GPU where there is one", async () => {
  found = { description: "NVIDIA GeForce RTX 4090", vendor: "nvidia", architecture: "lovelace" };
  const name = "NVIDIA GeForce RTX 4090, nvidia, lovelace";
  expect(await automatic()).toEqual({ name: "webgpu", reason: `webgpu, since there is a GPU: ${name}.` });
});

test("auto takes WASM where there is no adapter, and says why", async () => {
  found = new Error("WebGPU is here but found no adapter.");
  const reason = "wasm, since WebGPU cannot be had: WebGPU is here but found no adapter.";
  expect(await automatic()).toEqual({ name: "wasm", reason });
});

test("on this machine auto takes what its adapter calls for", async ({ skip }) => {
  const { isSoftware: software } = await import("@tessera/kernels/webgpu");
  const info = await requestAdapter().then(
    (adapter) => adapter.info,
    () => undefined,
  );
  if (!info) skip("there is no WebGPU adapter");
  expect((await automatic()).name).toBe(software(info!) ? "wasm" : "webgpu");
});
