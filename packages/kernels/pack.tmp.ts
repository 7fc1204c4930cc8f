import { panels } from "./src/wasm/panels.ts";
for (const [dtype, shape] of [["f16", [1280, 1280, 3, 3]], ["f32", [1280, 1280, 3, 3]], ["f16", [10240, 1280]]] as const) {
  const n = shape.reduce((a, b) => a * b, 1); const d = new Float32Array(n).fill(0.5); const out = new Uint8Array(panels[dtype].bytes(shape));
  for (let i = 0; i < 3; i++) { const c = process.cpuUsage(); panels[dtype].pack(d, shape, out); const u = process.cpuUsage(c); console.log(dtype, shape.join(), (u.user + u.system) / 1000, "ms", ((u.user + u.system) * 1000 / n).toFixed(2), "ns/el"); }
}
