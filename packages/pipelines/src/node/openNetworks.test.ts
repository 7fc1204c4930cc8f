import { cp, mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fixturePath } from "@tessera/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openNetworks } from "./openNetworks.ts";

const tiny = fixturePath("tiny-sd");
const parts = ["text_encoder", "unet", "vae_encoder", "vae_decoder"];

let folder: string;
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "networks-"))));
afterEach(() => rm(folder, { recursive: true }));

test.each([
  ["a directory", tiny, parts],
  ["a single file in the original layout", join(tiny, "model_ldm.fp16.safetensors"), parts],
  ["one part's folder", join(tiny, "unet"), ["unet"]],
  ["one part's file", join(tiny, "unet/diffusion_pytorch_model.safetensors"), ["unet"]],
])("%s", async (_, path, names) => {
  const opened = await openNetworks(path);
  expect(Object.keys(opened.networks)).toEqual(names);
  for (const name of names) {
    const weights = await opened.weights(name);
    for (const [path, { shape }] of opened.networks[name].graph().params)
      expect(weights.info(path)?.shape.filter((side) => side > 1)).toEqual(shape.filter((side) => side > 1));
  }
  await opened.close();
});

test("a folder that only a name can explain", async () => {
  await mkdir(join(folder, "unet"));
  const file = "unet/diffusion_pytorch_model.safetensors";
  await cp(join(tiny, file), join(folder, file));
  await expect(openNetworks(folder)).rejects.toThrow("has no config.json, nor folders unet/, vae/, text_encoder/");
  const opened = await openNetworks(folder, "sd15");
  expect((await opened.weights("unet")).info("conv_in.weight")?.shape).toEqual([16, 4, 3, 3]);
  await expect(opened.weights("vae_decoder")).rejects.toThrow("vae/diffusion_pytorch_model.safetensors");
  await opened.close();
});

test("nothing there, and no such architecture", async () => {
  await expect(openNetworks(join(folder, "none"))).rejects.toThrow("none does not exist. A checkpoint is");
  await expect(openNetworks("pd-church-128")).rejects.toThrow("An architecture of that name is known");
  await expect(openNetworks(tiny, "sd3")).rejects.toThrow("There is no architecture sd3. There are sd15, ");
});
