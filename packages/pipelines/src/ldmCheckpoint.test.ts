import { parseUNetConfig } from "@tessera/models";
import { memorySource } from "@tessera/safetensors";
import { expect, test } from "vitest";
import type { CheckpointFiles } from "./checkpointFiles.ts";
import { ldmCheckpoint } from "./ldmCheckpoint.ts";

const nothing: CheckpointFiles = { location: "here", text: async () => undefined, weights: async () => undefined };

test.each([4, 9])("a single file says by its first convolution whether it reads %d channels", async (channels) => {
  const weight = { dtype: "F32", shape: [1, channels, 1, 1], data: new Uint8Array(4 * channels) } as const;
  const file = memorySource({ "model.diffusion_model.input_blocks.0.0.weight": weight });
  const checkpoint = ldmCheckpoint(file, "model.safetensors", nothing);
  const config = parseUNetConfig(await checkpoint.config("unet"));
  expect(config).toMatchObject({ in_channels: channels, out_channels: 4, cross_attention_dim: 768 });
  expect(await checkpoint.config("vae")).toMatchObject({ latent_channels: 4 });
});
