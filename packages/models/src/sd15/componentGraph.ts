import { Graph } from "@tessera/kernels";
import { clipTextEncoder } from "./clip.ts";
import { vaeFactor, type ClipTextConfig, type ControlNetConfig, type UNetConfig, type VaeConfig } from "./config.ts";
import { controlNet } from "./controlNet.ts";
import { unet } from "./unet.ts";
import { vaeDecoder, vaeEncoder } from "./vae.ts";

/** A network of a Stable Diffusion checkpoint, or one that steers it, with its config. */
export type ComponentConfig =
  | { readonly component: "text_encoder"; readonly config: ClipTextConfig }
  | { readonly component: "unet"; readonly config: UNetConfig }
  | { readonly component: "controlnet"; readonly config: ControlNetConfig }
  | { readonly component: "vae_encoder" | "vae_decoder"; readonly config: VaeConfig };

export interface ComponentSize {
  /** Prompts or pictures at once. */
  readonly batch?: number;
  /** Of the component's own input: latents for the UNet and the decoder, pixels for the encoder. */
  readonly height?: number;
  readonly width?: number;
  /** Context tokens of the UNet. */
  readonly tokens?: number;
}

/**
 * One network alone, its inputs and outputs named as diffusers and transformers name them:
 * `input_ids` → `last_hidden_state`; `sample`, `timestep`, `encoder_hidden_states` → `sample`; `sample` → `moments`;
 * `latents` → `sample`. A ControlNet also takes `controlnet_cond` and `conditioning_scale`, and gives `down.0` …, `mid`.
 */
export function componentGraph({ component, config }: ComponentConfig, size: ComponentSize = {}): Graph {
  const graph = new Graph();
  const p = graph.scope();
  const { batch = 1, tokens = 77 } = size;
  switch (component) {
    case "text_encoder": {
      const input_ids = graph.input("input_ids", [batch, config.max_position_embeddings], "i32");
      graph.output("last_hidden_state", clipTextEncoder(p, input_ids, config));
      return graph;
    }
    case "unet": {
      const { height = config.sample_size, width = config.sample_size } = size;
      const sample = graph.input("sample", [batch, config.in_channels, height, width]);
      const timestep = graph.input("timestep", [batch]);
      const encoder_hidden_states = graph.input("encoder_hidden_states", [batch, tokens, config.cross_attention_dim]);
      graph.output("sample", unet(p, { sample, timestep, encoder_hidden_states }, config));
      return graph;
    }
    case "controlnet": {
      const { height = config.sample_size, width = config.sample_size } = size;
      const pixels = 2 ** (config.conditioning_embedding_out_channels.length - 1);
      const { down, mid } = controlNet(
        p,
        {
          sample: graph.input("sample", [batch, config.in_channels, height, width]),
          timestep: graph.input("timestep", [batch]),
          encoder_hidden_states: graph.input("encoder_hidden_states", [batch, tokens, config.cross_attention_dim]),
          controlnet_cond: graph.input("controlnet_cond", [
            1,
            config.conditioning_channels,
            pixels * height,
            pixels * width,
          ]),
          conditioning_scale: graph.input("conditioning_scale", [1]),
        },
        config,
      );
      down.forEach((t, i) => graph.output(`down.${i}`, t));
      graph.output("mid", mid);
      return graph;
    }
    case "vae_encoder": {
      const { height = config.sample_size, width = config.sample_size } = size;
      const sample = graph.input("sample", [batch, config.in_channels, height, width]);
      graph.output("moments", vaeEncoder(p, sample, config));
      return graph;
    }
    case "vae_decoder": {
      const side = config.sample_size / vaeFactor(config);
      const { height = side, width = side } = size;
      const latents = graph.input("latents", [batch, config.latent_channels, height, width]);
      graph.output("sample", vaeDecoder(p, latents, config));
      return graph;
    }
  }
}
