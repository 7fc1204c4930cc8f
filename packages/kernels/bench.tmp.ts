import { Graph, compile, type Tensor } from "@tessera/kernels";
import * as ops from "@tessera/kernels/ops";
import { wasm } from "@tessera/kernels/wasm";
import { memorySource } from "@tessera/safetensors";
import { cpuUsage } from "node:process";
const rand = (n: number) => { const a = new Float32Array(n); let s = 1; for (let i = 0; i < n; i++) { s = (s * 1103515245 + 12345) & 0x7fffffff; a[i] = s / 0x40000000 - 1; } return a; };
const only = process.argv[3];
async function bench(threads: number, name: string, gf: number, build: (g: Graph) => Tensor, dtype: any = "f32") {
  if (only && !name.includes(only)) return;
  const b = await wasm({ threads });
  const g = new Graph();
  g.output("out", build(g));
  const weights = memorySource(Object.fromEntries([...g.params].map(([k, t]) => [k, { dtype: "F32" as const, shape: t.shape, data: new Uint8Array(rand(t.elements).buffer) }])));
  const { defaultOptions } = await import("@tessera/kernels");
  const p = await compile(g, b, { weights, options: { ...defaultOptions, dtype: { weights: dtype } } });
  const inputs = Object.fromEntries([...g.inputs].map(([k, t]) => [k, rand(t.elements)]));
  await p.run(inputs);
  const ts: number[] = [], cs: number[] = [];
  for (let i = 0; i < 7; i++) { const c0 = cpuUsage(); const t0 = performance.now(); await p.run(inputs); ts.push(performance.now() - t0); const c = cpuUsage(c0); cs.push((c.user + c.system) / 1000); }
  ts.sort((a, b) => a - b); cs.sort((a, b) => a - b);
  console.log(`${name} ${threads}T ${dtype}: best ${ts[0].toFixed(2)} median ${ts[3].toFixed(2)} ms, ${(gf / ts[0]).toFixed(1)} GFLOPS best; cpu median ${cs[3].toFixed(1)} ms = ${(gf / cs[3]).toFixed(1)} GFLOPS/thread; of which run overhead incl. input copy`);
  p.dispose(); await b.dispose();
}
const T = process.argv[2] ? process.argv[2].split(",").map(Number) : [1, 2];
for (const t of T) {
  await bench(t, "gemm4096x320x2560", 2 * 4096 * 320 * 2560 / 1e6, (g) => ops.linear({ x: g.input("x", [1, 4096, 320]), weight: g.param("w", [2560, 320]) }));
  await bench(t, "gemm4096x320x2560", 2 * 4096 * 320 * 2560 / 1e6, (g) => ops.linear({ x: g.input("x", [1, 4096, 320]), weight: g.param("w", [2560, 320]) }), "f16");
  await bench(t, "conv320@64", 2 * 4096 * 320 * 320 * 9 / 1e6, (g) => ops.conv2d({ x: g.input("x", [1, 320, 64, 64]), weight: g.param("w", [320, 320, 3, 3]) }, { pad: [1, 1, 1, 1] }));
  await bench(t, "conv1280@8", 2 * 64 * 1280 * 1280 * 9 / 1e6, (g) => ops.conv2d({ x: g.input("x", [1, 1280, 8, 8]), weight: g.param("w", [1280, 1280, 3, 3]) }, { pad: [1, 1, 1, 1] }), "f16");
  await bench(t, "attn8x4096d40", 4 * 4096 * 4096 * 320 / 1e6, (g) => ops.attention({ q: g.input("q", [1, 4096, 320]), k: g.input("k", [1, 4096, 320]), v: g.input("v", [1, 4096, 320]) }, { heads: 8 }));
  await bench(t, "cross77", 4 * 4096 * 77 * 320 / 1e6, (g) => ops.attention({ q: g.input("q", [1, 4096, 320]), k: g.input("k", [1, 77, 320]), v: g.input("v", [1, 77, 320]) }, { heads: 8 }));
  await bench(t, "gn+silu320@64", 1, (g) => { const x = g.input("x", [1, 320, 64, 64]); return ops.silu(ops.affine({ x, stats: ops.groupStats({ x }, { groups: 32, eps: 1e-5 }), weight: g.param("w", [320]), bias: g.param("b", [320]) })); });
  await bench(t, "gelu4096x2560", 1, (g) => ops.gelu(g.input("x", [4096, 2560])));
  await bench(t, "ln4096x320", 1, (g) => ops.layerNorm({ x: g.input("x", [4096, 320]), weight: g.param("w", [320]), bias: g.param("b", [320]) }));
  await bench(t, "copyonly", 1, (g) => ops.relu(g.input("x", [16])));
}
