import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fixturePath } from "@tessera/testing";
import { expect, test } from "vitest";
import { urlCheckpoint } from "./urlCheckpoint.ts";

const root = "https://example.org/tiny-sd";
const asked: string[] = [];

/** A server of the fixture's files; for what it lacks it answers as `absent` says. */
const server =
  (absent: () => Response): typeof fetch =>
  async (url, init) => {
    const path = String(url).slice(root.length + 1);
    asked.push(path);
    const bytes = await readFile(join(fixturePath("tiny-sd"), path)).catch(() => undefined);
    if (!bytes) return absent();
    const range = /bytes=(\d+)-(\d+)/.exec(new Headers(init?.headers).get("range") ?? "");
    if (!range) return new Response(bytes);
    const [from, to] = [Number(range[1]), Math.min(Number(range[2]), bytes.length - 1)];
    const headers = { "Content-Range": `bytes ${from}-${to}/${bytes.length}` };
    return new Response(bytes.subarray(from, to + 1), { status: 206, headers });
  };
const notFound = () => new Response("", { status: 404 });
/** As servers of single-page applications do. */
const page = () => new Response("<html>", { headers: { "Content-Type": "text/html" } });

test("configs, tokenizer and weights, tensor by tensor", async () => {
  const checkpoint = await urlCheckpoint(`${root}/`, { fetch: server(notFound) });
  expect(await checkpoint.config("vae")).toMatchObject({ latent_channels: 4 });
  expect((await checkpoint.tokenizer()).merges).toContain("#version");
  const weights = await checkpoint.weights("unet");
  expect((await weights.get("conv_in.weight")).shape).toEqual([16, 4, 3, 3]);
  expect(checkpoint.files).toEqual({ unet: "unet/diffusion_pytorch_model.safetensors" });
});

test("a variant is asked for first", async () => {
  asked.length = 0;
  const checkpoint = await urlCheckpoint(root, { fetch: server(notFound), variant: "fp16" });
  await checkpoint.weights("unet");
  expect(new Set(asked)).toEqual(new Set(["model_index.json", "unet/diffusion_pytorch_model.fp16.safetensors"]));
});

test.each([notFound, page])("no checkpoint there", async (absent) => {
  await expect(urlCheckpoint(`${root}/none`, { fetch: server(absent) })).rejects.toThrow(`${root}/none/`);
  const partial: typeof fetch = async (url, init) =>
    String(url).includes("/unet/") ? absent() : server(absent)(url, init);
  const checkpoint = await urlCheckpoint(root, { fetch: partial });
  await expect(checkpoint.weights("unet")).rejects.toThrow("no unet/diffusion_pytorch_model.safetensors");
});
