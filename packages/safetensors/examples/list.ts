/** Lists the tensors of a checkpoint: `node --conditions=source --import tsx packages/safetensors/examples/list.ts FILE`. */
import { fileURLToPath } from "node:url";
import { toFloat32 } from "@tessera/safetensors";
import { openCheckpoint } from "@tessera/safetensors/node";

const tiny = new URL("../../../fixtures/tiny-sd/unet/diffusion_pytorch_model.safetensors", import.meta.url);
const source = await openCheckpoint(process.argv[2] ?? fileURLToPath(tiny));

const names = [...source.names()];
let bytes = 0;
for (const name of names) {
  const info = source.info(name)!;
  bytes += info.bytes;
  console.log(`${info.dtype.padEnd(5)} ${`[${info.shape.join(", ")}]`.padEnd(20)} ${name}`);
}
console.log(`${names.length} tensors, ${bytes} bytes`);

if (names.length > 0) {
  const first = toFloat32(await source.get(names[0]!)); // reads this tensor's bytes and no others
  console.log(`${names[0]} starts ${first.slice(0, 4).join(", ")}`);
}
await source.close?.();
