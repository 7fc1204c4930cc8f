import { open, writeFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { exportOnnx } from "@tessera/kernels/onnx";
import { componentGraph, sd15 } from "@tessera/models";
import { randomWeights } from "@tessera/bench";

// The VAE decoder of Stable Diffusion 1.5 as `vae.onnx` with `vae.onnx.data` beside it. Weights are random here; those of
// a checkpoint come from `openCheckpoint` of @tessera/pipelines/node.
const { positionals } = parseArgs({ allowPositionals: true });
const path = positionals[0] ?? "vae.onnx";
const graph = componentGraph({ component: "vae_decoder", config: sd15.vae }, { height: 32, width: 32 });
const file = await open(`${path}.data`, "w");
const { model } = await exportOnnx(graph, randomWeights(graph), {
  external: { location: `${path.split("/").at(-1)}.data`, write: (bytes) => file.writeFile(bytes) },
});
await file.close();
await writeFile(path, model);
console.log(`${path}: ${model.length} bytes; ${path}.data: the weights`);
