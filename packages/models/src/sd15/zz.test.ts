import { test } from "vitest";
import { planFor } from "@tessera/kernels";
import { webgpu } from "@tessera/kernels/webgpu";
import { fixtureJson } from "@tessera/testing";
import * as m from "../index.ts";
test("time", async () => {
  const config = (m as any).parseUNetConfig(fixtureJson("tiny-sd/unet/config.json"));
  const backend = await webgpu();
  const g = (m as any).componentGraph({ component: "unet", config }, { height: 16, width: 16 });
  for (let i = 0; i < 3; i++) {
  const t0 = performance.now(); const p = planFor(g, backend); const t1 = performance.now();
  const codes = p.calls.map((c: any) => c.kernel.shader(c.node, p.context).code); 
  console.log("plan ms,", t1 - t0, "shaders", performance.now() - t1, codes.length, new Set(codes).size);
  }
  await backend.dispose();
}, 100000);
