import { readFileSync } from "node:fs";
import {
  evalnetSizes,
  FeatureStatistics,
  frechetDistance,
  judgements,
  openBatched,
  openEvalnet,
  pixelsOf,
  psnr,
  Tally,
  townscape,
} from "@tessera/bench";
import { wasm } from "@tessera/kernels/wasm";
import { componentGraph, diffusersNames, parseVaeConfig } from "@tessera/models";
import { memorySource } from "@tessera/safetensors";

// How well the autoencoder of townscapes-sd keeps held-out scenes, beside what PyTorch found on the first 400 of them.
// The number of scenes is an argument: with 400, every figure of the two columns should agree.
const scenes = Number(process.argv[2] ?? 16);
const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url));
const recorded = JSON.parse(read("fixtures/townscapes/quality.json").toString());
const config = parseVaeConfig(JSON.parse(read("checkpoints/townscapes-sd/vae/config.json").toString()));
const weights = diffusersNames(
  memorySource(read("checkpoints/townscapes-sd/vae/diffusion_pytorch_model.fp16.safetensors")),
);

const backend = await wasm();
const size = { batch: 1, height: 64, width: 64 };
const encoder = await openBatched(componentGraph({ component: "vae_encoder", config }, size), backend, { weights });
const latentSize = { batch: 1, height: 16, width: 16 };
const decoder = await openBatched(componentGraph({ component: "vae_decoder", config }, latentSize), backend, {
  weights,
});
const network = await openEvalnet(backend, memorySource(read("fixtures/townscapes/evalnet.safetensors")), 1);

const tally = new Tally();
const [real, kept] = [new FeatureStatistics(evalnetSizes.features), new FeatureStatistics(evalnetSizes.features)];
let decibels = 0;
for (let i = 0; i < scenes; i++) {
  const scene = townscape(1_000_000 + i);
  const image = pixelsOf(scene);
  const { moments } = await encoder.run({ sample: image });
  const { sample } = await decoder.run({ latents: moments.subarray(0, moments.length / 2) }); // the mean
  const reconstruction = sample.map((x) => Math.min(1, Math.max(-1, x)));
  decibels += psnr(image, reconstruction, { range: 2 }) / scenes;
  const { logits, features } = await network.run({ image: reconstruction });
  tally.add(logits, scene.attributes);
  kept.add(features);
  real.add((await network.run({ image })).features);
}

const accuracies = tally.accuracies();
console.log(`| reconstructions of ${scenes} scenes | PyTorch, 400 | here |\n| --- | --- | --- |`);
for (const name of judgements)
  console.log(`| ${name} | ${recorded.clf_vae_reconstructions[name]} | ${accuracies[name].toFixed(4)} |`);
console.log(`| PSNR, dB | ${recorded.vae_psnr_db_mean_per_image.toFixed(4)} | ${decibels.toFixed(4)} |`);
console.log(`| Fréchet distance to the scenes | not recorded | ${frechetDistance(real, kept).toFixed(2)} |`);
await backend.dispose();
