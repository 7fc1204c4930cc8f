import type { Params, Tensor } from "@tessera/kernels";
import { add, concat, silu, timestepEmbedding, upsample } from "@tessera/kernels/ops";
import { resnetBlock } from "../blocks/resnetBlock.ts";
import { conv, groupNorm, linear } from "../layers.ts";
import type { UNetConfig } from "./config.ts";
import { transformer } from "./transformer.ts";

export interface UNetInputs {
  /** Noisy latents [n c h w]. */
  readonly sample: Tensor;
  /** [n] */
  readonly timestep: Tensor;
  /** The text encoder's output [n s e]. */
  readonly encoder_hidden_states: Tensor;
}

/** What a ControlNet adds to a UNet, in the UNet's own shapes: to each skip, in the order of their making, and to the middle. */
export interface Control {
  readonly down: readonly Tensor[];
  readonly mid: Tensor;
}

/**
 * The denoising network of Stable Diffusion (Rombach et al. 2022): what the config's `prediction_type` says, of the
 * size of the latents. Parameter names are those of diffusers' UNet2DConditionModel.
 */
export function unet(p: Params, inputs: UNetInputs, config: UNetConfig, control?: Control): Tensor {
  const { block_out_channels: widths, layers_per_block, norm_num_groups: groups, norm_eps: eps } = config;
  const last = widths.length - 1;
  const encoded = unetEncoder(p, inputs, config);
  const { resnet, attend } = encoded;
  const skips = control ? encoded.skips.map((skip, i) => add(skip, control.down[i])) : [...encoded.skips];
  let h = control ? add(encoded.mid, control.mid) : encoded.mid;

  widths.toReversed().forEach((co, i) => {
    const up = p.at("up_blocks").at(i);
    for (let layer = 0; layer <= layers_per_block; layer++) {
      h = resnet(up.at("resnets").at(layer), concat({ a: h, b: skips.pop()! }), co);
      if (config.up_block_types[i] === "CrossAttnUpBlock2D") h = attend(up.at("attentions").at(layer), h, last - i);
    }
    if (i < last) {
      // To the next skip's size, which is twice this one's except at odd sizes.
      const [, , height, width] = skips.at(-1)!.dims("n c h w");
      const sampler = up.at("upsamplers.0");
      h = sampler.result(conv(sampler.at("conv"), upsample({ x: h }, { height, width }), co, 3));
    }
    up.result(h);
  });

  h = silu(groupNorm(p.at("conv_norm_out"), h, groups, eps));
  return conv(p.at("conv_out"), h, config.out_channels, 3);
}

/** The first half of the UNet, which a ControlNet has too: down to the middle. `hint` is added to the first convolution. */
export function unetEncoder(
  p: Params,
  { sample, timestep, encoder_hidden_states }: UNetInputs,
  config: UNetConfig,
  hint?: Tensor,
) {
  const { block_out_channels: widths, layers_per_block, norm_num_groups: groups, norm_eps: eps } = config;
  const last = widths.length - 1;

  const waves = timestepEmbedding(
    { timestep },
    { dim: widths[0], flipSinToCos: config.flip_sin_to_cos, freqShift: config.freq_shift },
  );
  const time = p.at("time_embedding");
  let temb = linear(time.at("linear_1"), p.at("time_proj").result(waves), 4 * widths[0]);
  temb = time.result(linear(time.at("linear_2"), silu(temb), 4 * widths[0])); // [n, 4 · widths₀]

  const resnet = (at: Params, x: Tensor, co: number) => resnetBlock(at, x, co, { groups, eps, temb });
  const attend = (at: Params, x: Tensor, block: number) =>
    transformer(at, x, encoder_hidden_states, {
      heads: headsOf(config, block),
      groups,
      linearProjection: config.use_linear_projection,
    });

  let h = conv(p.at("conv_in"), sample, widths[0], 3);
  if (hint) h = add(h, hint);
  const skips = [h];
  widths.forEach((co, block) => {
    const down = p.at("down_blocks").at(block);
    for (let layer = 0; layer < layers_per_block; layer++) {
      h = resnet(down.at("resnets").at(layer), h, co);
      if (config.down_block_types[block] === "CrossAttnDownBlock2D")
        h = attend(down.at("attentions").at(layer), h, block);
      skips.push(h);
    }
    if (block < last) {
      const sampler = down.at("downsamplers.0");
      h = sampler.result(conv(sampler.at("conv"), h, co, 3, { stride: 2 }));
      skips.push(h);
    }
    down.result(h);
  });

  const mid = p.at("mid_block");
  h = resnet(mid.at("resnets.0"), h, widths[last]);
  h = attend(mid.at("attentions.0"), h, last);
  h = mid.result(resnet(mid.at("resnets.1"), h, widths[last]));
  return { skips, mid: h, resnet, attend };
}

/** Attention heads in block `block`, counted from the outermost. */
function headsOf({ attention_head_dim, num_attention_heads }: UNetConfig, block: number): number {
  const heads = num_attention_heads ?? attention_head_dim;
  return typeof heads === "number" ? heads : heads[block];
}
