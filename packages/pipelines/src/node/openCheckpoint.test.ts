import { cp, mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixturePath } from "@tessera/testing";
import { memorySource, toFloat32, type TensorData } from "@tessera/safetensors";
import { writeSafetensorsFile } from "@tessera/safetensors/node";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { openCheckpoint } from "./openCheckpoint.ts";

const tiny = fixturePath("tiny-sd");
const ldm = join(tiny, "model_ldm.fp16.safetensors");

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "checkpoint-"))));
afterEach(() => rm(folder, { recursive: true }));

/** A copy of the text encoder's folder alone. */
async function textEncoder(): Promise<string> {
  await cp(join(tiny, "text_encoder"), join(folder, "text_encoder"), { recursive: true });
  return join(folder, "text_encoder");
}

const norm = "text_model.final_layer_norm.weight";

describe("a directory", () => {
  test("full precision is preferred, and which file was taken is said", async () => {
    const checkpoint = await openCheckpoint(tiny);
    expect((await checkpoint.weights("text_encoder")).info(norm)?.dtype).toBe("F32");
    await checkpoint.weights("vae");
    expect(checkpoint.files).toEqual({
      text_encoder: "text_encoder/model.safetensors",
      vae: "vae/diffusion_pytorch_model.safetensors",
    });
    expect(await checkpoint.config("scheduler")).toMatchObject({ beta_start: 0.00085 });
    expect((await checkpoint.tokenizer()).vocab["<|endoftext|>"]).toBeGreaterThan(0);
    await checkpoint.close();
  });

  test("an fp16 variant is found by itself", async () => {
    const path = await textEncoder();
    await rm(join(path, "model.safetensors"));
    const checkpoint = await openCheckpoint(folder);
    expect((await checkpoint.weights("text_encoder")).info(norm)?.dtype).toBe("F16");
    expect(checkpoint.files.text_encoder).toBe("text_encoder/model.fp16.safetensors");
    await checkpoint.close();
  });

  test.each(["model.safetensors.index.json", "model.safetensors.index.fp16.json"])("shards under %s", async (index) => {
    const path = await textEncoder();
    const source = memorySource(await readFile(join(path, "model.safetensors")));
    const weight_map: Record<string, string> = {};
    const shards: Record<string, TensorData>[] = [{}, {}];
    for (const [i, name] of [...source.names()].entries()) {
      shards[i % 2][name] = await source.get(name);
      weight_map[name] = `model-0000${(i % 2) + 1}-of-00002.safetensors`;
    }
    for (const [i, shard] of shards.entries())
      await writeSafetensorsFile(join(path, `model-0000${i + 1}-of-00002.safetensors`), shard);
    await writeFile(join(path, index), JSON.stringify({ metadata: {}, weight_map }));
    await rm(join(path, "model.safetensors"));
    await rm(join(path, "model.fp16.safetensors"));
    const checkpoint = await openCheckpoint(folder);
    const weights = await checkpoint.weights("text_encoder");
    expect(toFloat32(await weights.get(norm))).toEqual(toFloat32(await source.get(norm)));
    expect(checkpoint.files.text_encoder).toBe(`text_encoder/${index}`);
    await checkpoint.close();
  });

  test("pickles alone are refused with advice", async () => {
    const path = await textEncoder();
    await rm(join(path, "model.fp16.safetensors"));
    await rename(join(path, "model.safetensors"), join(path, "pytorch_model.bin"));
    const weights = (await openCheckpoint(folder)).weights("text_encoder");
    await expect(weights).rejects.toThrow(/pytorch_model\.bin is a pickle.*safe_serialization/);
  });

  test("what is missing or damaged is named with its place", async () => {
    await textEncoder();
    const checkpoint = await openCheckpoint(folder);
    await expect(checkpoint.config("unet")).rejects.toThrow(`no unet/config.json in ${folder}`);
    await expect(checkpoint.tokenizer()).rejects.toThrow("tokenizer/vocab.json");
    await expect(checkpoint.weights("unet")).rejects.toThrow("unet/diffusion_pytorch_model.safetensors");
    await mkdir(join(folder, "vae"));
    await writeFile(join(folder, "vae/config.json"), "{");
    await expect(checkpoint.config("vae")).rejects.toThrow("vae/config.json");
    await expect(openCheckpoint(join(folder, "none"))).rejects.toThrow("does not exist");
  });
});

describe("a single file", () => {
  test("configs and tokenizer come from the folders beside it", async () => {
    const checkpoint = await openCheckpoint(ldm);
    expect(await checkpoint.config("unet")).toMatchObject({ block_out_channels: [16, 32, 48, 48] });
    expect((await checkpoint.weights("text_encoder")).info(norm)?.dtype).toBe("F16");
    expect(checkpoint.files.text_encoder).toBe(ldm);
    await checkpoint.close();
  });

  test("alone it is taken for Stable Diffusion 1.5, and has no tokenizer", async () => {
    await symlink(ldm, join(folder, "model.safetensors"));
    const checkpoint = await openCheckpoint(join(folder, "model.safetensors"));
    expect(await checkpoint.config("unet")).toMatchObject({ cross_attention_dim: 768 });
    await expect(checkpoint.tokenizer()).rejects.toThrow(/holds no tokenizer.*merges\.txt/);
    await checkpoint.close();
  });

  test("pickles and parts are refused", async () => {
    await writeFile(join(folder, "v1-5.ckpt"), "");
    await expect(openCheckpoint(join(folder, "v1-5.ckpt"))).rejects.toThrow("pickle");
    const part = join(tiny, "vae/diffusion_pytorch_model.safetensors");
    await expect(openCheckpoint(part)).rejects.toThrow("give the directory");
  });
});
