import { test } from "vitest";
import { compile, defaultOptions } from "@tessera/kernels";
import { webgpu } from "@tessera/kernels/webgpu";
import { fixture, fixtureJson } from "@tessera/testing";
import * as m from "../index.ts";
test("time", async () => {
  const config = (m as any).parseUNetConfig(fixtureJson("tiny-sd/unet/config.json"));
  const backend = await webgpu();
  for (const w of ["f32", "f16"] as const) for (let rep = 0; rep < 2; rep++) {
    const g = (m as any).componentGraph({ component: "unet", config }, { height: 16, width: 16 });
    const src: any = (m as any).diffusersNames(fixture("tiny-sd/unet/diffusion_pytorch_model.safetensors"));
    const t0 = performance.now(); let tk = 0;
    const p = await compile(g, backend, { weights: src, options: { ...defaultOptions, dtype: { weights: w } }, onProgress: (e) => { if (e.phase === "kernels" && e.done === e.total) tk = performance.now() - t0; } });
    const t1 = performance.now();
    const inputs = Object.fromEntries([...g.inputs].map(([k, t]: any) => [k, new Float32Array(t.elements).fill(0.5)]));
    await p.run(inputs); const t2 = performance.now(); await p.run(inputs);
    console.log(w, rep, "kernels", tk.toFixed(), "compile", (t1 - t0).toFixed(), "run1", (t2 - t1).toFixed(), "run2", (performance.now() - t2).toFixed(), p.plan.calls.length);
    p.dispose();
  }
  await backend.dispose();
}, 100000);
