import { Graph, type Params, type Tensor } from "@tessera/kernels";
import {
  add,
  attention,
  concat,
  gelu,
  image,
  mul,
  silu,
  slice,
  timestepEmbedding,
  tokens,
  upsample,
} from "@tessera/kernels/ops";
import { resnetBlock } from "../blocks/resnetBlock.ts";
import { conv, groupNorm, layerNorm, linear } from "../layers.ts";
import type { UNetInputs } from "../sd15/unet.ts";
import type { MobileDiffusionConfig } from "./config.ts";

/**
 * MobileDiffusion's denoising network (Zhao et al. 2024, arXiv 2311.16567), in the reconstruction that its config states.
 * No checkpoint is published; parameter names follow diffusers' UNet2DConditionModel, with `to_kv` for keys and values in
 * one and `conv1.depthwise`, `conv1.pointwise` for separable convolutions.
 */
export function mobileDiffusionUNet(
  p: Params,
  { sample, timestep, encoder_hidden_states: context }: UNetInputs,
  config: MobileDiffusionConfig,
): Tensor {
  const { block_out_channels: widths, norm_num_groups: groups, norm_eps: eps } = config;
  const last = widths.length - 1;

  const time = p.at("time_embedding");
  const waves = timestepEmbedding({ timestep }, { dim: widths[0], flipSinToCos: true, freqShift: 0 });
  let temb = linear(time.at("linear_1"), waves, 4 * widths[0]);
  temb = linear(time.at("linear_2"), silu(temb), 4 * widths[0]); // [n, 4 · widths₀]

  /** The layers of one place in the network at one level, numbered as they come. */
  const layers = (at: Params, level: number) => {
    let [resnets, attentions] = [0, 0];
    return (x: Tensor, transformers: number): Tensor => {
      const separable = config.separable[level];
      let h = resnetBlock(at.at("resnets").at(resnets++), x, widths[level], { groups, eps, temb, separable });
      for (let i = 0; i < transformers; i++)
        h = transformer(at.at("attentions").at(attentions++), h, context, level, config);
      return h;
    };
  };

  let h = conv(p.at("conv_in"), sample, widths[0], 3);
  const skips = [h];
  widths.forEach((co, level) => {
    const down = p.at("down_blocks").at(level);
    const layer = layers(down, level);
    for (const transformers of config.down_transformers[level]) skips.push((h = layer(h, transformers)));
    if (level < last) skips.push((h = conv(down.at("downsamplers.0.conv"), h, co, 3, { stride: 2 })));
  });

  h = layers(p.at("mid_block"), last)(h, config.mid_transformers);

  widths.toReversed().forEach((co, i) => {
    const up = p.at("up_blocks").at(i);
    const layer = layers(up, last - i);
    for (const transformers of config.up_transformers[i]) h = layer(concat({ a: h, b: skips.pop()! }), transformers);
    if (i === last) return;
    const [, , height, width] = skips.at(-1)!.dims("n c h w");
    h = conv(up.at("upsamplers.0.conv"), upsample({ x: h }, { height, width }), co, 3);
  });

  h = silu(groupNorm(p.at("conv_norm_out"), h, groups, eps));
  return conv(p.at("conv_out"), h, config.out_channels, 3);
}

/** The picture as tokens through self-attention, cross-attention and feed-forward, of which a level may lack the first two. */
function transformer(p: Params, x: Tensor, context: Tensor, level: number, config: MobileDiffusionConfig): Tensor {
  const [, c, height] = x.dims("n c h w");
  const { num_attention_heads: heads, attention_kind: kind } = config;
  const projected = (at: Params, y: Tensor) => (config.transformer_projections ? conv(at, y, c, 1) : y);
  let h = tokens({ x: projected(p.at("proj_in"), groupNorm(p.at("norm"), x, config.norm_num_groups, 1e-6)) }); // [n, t, c]
  const block = p.at("transformer_blocks.0");
  const attend = (at: Params, y: Tensor, seen: Tensor, shared: boolean) => {
    const q = linear(at.at("to_q"), y, c, { bias: false });
    const k = linear(at.at(shared ? "to_kv" : "to_k"), seen, c, { bias: false });
    const v = shared ? k : linear(at.at("to_v"), seen, c, { bias: false });
    return at.result(linear(at.at("to_out.0"), attention({ q, k, v }, { heads, kind }), c));
  };
  if (config.self_attention[level]) {
    const y = layerNorm(block.at("norm1"), h, 1e-5);
    h = add(h, attend(block.at("attn1"), y, y, config.shared_kv));
  }
  if (config.cross_attention[level])
    h = add(h, attend(block.at("attn2"), layerNorm(block.at("norm2"), h, 1e-5), context, false));
  h = add(h, feedForward(block.at("ff"), layerNorm(block.at("norm3"), h, 1e-5), config));
  return p.result(add(x, projected(p.at("proj_out"), image({ x: h }, { height }))));
}

/** x · w₁, one half gated by the activation of the other (or all of it activated), · w₂. */
export function feedForward(
  p: Params,
  x: Tensor,
  { ff_ratio, ff_gated, ff_activation }: Pick<MobileDiffusionConfig, "ff_ratio" | "ff_gated" | "ff_activation">,
): Tensor {
  const c = x.shape.at(-1)!;
  const activation = ff_activation === "silu" ? silu : gelu;
  const width = ff_ratio * c;
  const h = linear(p.at("net.0.proj"), x, width);
  const part = (begin: number, end: number) => slice({ x: h }, { axis: h.shape.length - 1, begin, end });
  const gated = ff_gated ? mul(part(0, width / 2), activation(part(width / 2, width))) : activation(h);
  return p.result(linear(p.at("net.2"), gated, c));
}

/** The network alone: `sample`, `timestep`, `encoder_hidden_states` → `sample`. */
export function mobileDiffusionGraph(
  config: MobileDiffusionConfig,
  { batch = 1, height = config.sample_size, width = config.sample_size, tokens = 77 } = {},
): Graph {
  const graph = new Graph();
  const inputs = {
    sample: graph.input("sample", [batch, config.in_channels, height, width]),
    timestep: graph.input("timestep", [batch]),
    encoder_hidden_states: graph.input("encoder_hidden_states", [batch, tokens, config.cross_attention_dim]),
  };
  graph.output("sample", mobileDiffusionUNet(graph.scope(), inputs, config));
  return graph;
}
