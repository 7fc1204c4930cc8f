import { compile, countMacs } from "@tessera/kernels";
import { wasm } from "@tessera/kernels/wasm";
import { componentGraph } from "./src/sd15/componentGraph.ts";
import { sd15 } from "./src/sd15/config.ts";
const t0 = performance.now(); const at = (s: string) => console.log(((performance.now() - t0) / 1000).toFixed(2), s);
const g = componentGraph({ component: "unet", config: (sd15 as any).unet }, { height: 64, width: 64 });
at(`graph ${g.nodes.length} nodes, ${(countMacs(g).total / 1e9).toFixed(1)} GMAC`);
const b = await wasm({ threads: 2 });
let s = 1;
const weights = { names: () => g.params.keys(), info: (n: string) => ({ dtype: "F16" as const, shape: g.params.get(n)!.shape }),
  async get(n: string) { const t = g.params.get(n)!; const d = new Uint16Array(t.elements); for (let i = 0; i < d.length; i++) { s = (s * 1103515245 + 12345) & 0x7fffffff; d[i] = (s >> 8 & 0x83ff) | 0x2000; } return { dtype: "F16" as const, shape: t.shape, data: new Uint8Array(d.buffer) }; } } as any;
const phases = new Set<string>();
const p = await compile(g, b, { weights, onProgress: ({ phase, done, total }) => { const k = phase + (done === total ? " end" : " begin"); if (!phases.has(k)) { phases.add(k); at(`${k} ${done}/${total}`); } } });
at(`compiled: ${p.plan.calls.length} calls, live ${(b.liveBytes / 2 ** 20).toFixed(0)} MiB`);
const inputs = Object.fromEntries([...g.inputs].map(([k, t]) => [k, Float32Array.from({ length: t.elements }, (_, i) => Math.sin(i))]));
for (let i = 0; i < 3; i++) { const c0 = process.cpuUsage(); const a = performance.now(); const { sample } = await p.run(inputs) as any; const c = process.cpuUsage(c0); at(`run ${(performance.now() - a).toFixed(0)} ms wall, cpu ${((c.user + c.system) / 1000).toFixed(0)} ms`); if (i === 0) console.log((await sample.read()).slice(0, 4)); }
p.dispose(); at(`live ${b.liveBytes}`); await b.dispose();
