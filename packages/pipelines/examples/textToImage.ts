/** A prompt becomes a picture file: `node --conditions=source --import tsx packages/pipelines/examples/textToImage.ts PROMPT`. */
import { writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { chooseBackend, loadStableDiffusion, textToImage } from "@tessera/pipelines";
import { openCheckpoint } from "@tessera/pipelines/node";

const prompt = process.argv[2] ?? "a red house and two pine trees under a night sky";
const checkpoint = await openCheckpoint(fileURLToPath(new URL("../../../checkpoints/townscapes-sd", import.meta.url)));
const { backend, reason } = await chooseBackend("auto");
console.log(`${backend.description}; ${reason}`);

const sd = await loadStableDiffusion(checkpoint, backend);
const { image, seed, timings } = await textToImage(sd, {
  prompt,
  steps: 20,
  guidance: 6,
  seed: 101,
  onProgress: ({ phase, step, total }) => console.log(`${phase} ${step}/${total}`),
});

// Netpbm's P6: a header and the bytes, which most viewers open. The command line tool writes PNG.
const file = join(tmpdir(), "tessera.ppm");
const rgb = Uint8Array.from(image.data).filter((_, i) => i % 4 < 3);
writeFileSync(file, Buffer.concat([Buffer.from(`P6 ${image.width} ${image.height} 255\n`), rgb]));
console.log(`${file}: seed ${seed}, ${(timings.totalMs / 1000).toFixed(1)} s`);

sd.dispose();
await backend.dispose();
await checkpoint.close();
