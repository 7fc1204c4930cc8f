import { mkdir, open, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { parseArgs } from "node:util";
import { exportOnnx } from "@tessera/kernels/onnx";
import { componentGraph, sd15 } from "@tessera/models";
import { randomWeights } from "@tessera/bench";

// The VAE decoder of Stable Diffusion 1.5 as `out/vae.onnx`, or the file that is named, with its weights beside it. They are
// random here; those of a checkpoint come from `openCheckpoint` of @tessera/pipelines/node.
const { positionals } = parseArgs({ allowPositionals: true });
const path = positionals[0] ?? "out/vae.onnx";
const graph = componentGraph({ component: "vae_decoder", config: sd15.vae }, { height: 32, width: 32 });
await mkdir(dirname(path), { recursive: true });
const file = await open(`${path}.data`, "w");
const { model } = await exportOnnx(graph, randomWeights(graph), {
  external: { location: `${basename(path)}.data`, write: (bytes) => file.writeFile(bytes) },
});
await file.close();
await writeFile(path, model);
console.log(`${path}: ${model.length} bytes; ${path}.data: the weights`);
