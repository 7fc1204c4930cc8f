import { Graph, type Params, type Tensor } from "@tessera/kernels";
import { add, attention, image, mul, pool, scale, silu, slice, tokens, upsample } from "@tessera/kernels/ops";
import { eps, pixelUNet } from "../blocks/pixelUNet.ts";
import { timeEmbedding } from "../ddpm/unet.ts";
import { channelwiseBatch, conv, groupNorm, linear } from "../layers.ts";
import type { ProgressiveDistillationConfig } from "./config.ts";

type Resample = (x: Tensor) => Tensor;

/**
 * The network of progressive distillation (Salimans & Ho 2022, appendix E), after Dhariwal & Nichol 2021: residual blocks
 * also resample, time scales and shifts their second norm, attention has heads of `head_dim`. Noisy pictures [n c h w] and
 * times [n], 0 … 1000, → [n out_ch h w]: with the head "both", x₀ and then ε. Parameter names are those of lmxyy/sige.
 */
export function progressiveDistillationUNet(
  p: Params,
  sample: Tensor,
  timestep: Tensor,
  config: ProgressiveDistillationConfig,
): Tensor {
  const { norm_num_groups: groups, temb_ch, head_dim } = config;
  const temb = timeEmbedding(p.at("temb"), timestep, config.ch, temb_ch);

  const block = (at: Params, x: Tensor, co: number, resample: Resample = (h) => h): Tensor => {
    const [, ci] = x.dims("n c h w");
    const h = conv(at.at("conv1"), resample(silu(groupNorm(at.at("norm1"), x, groups, eps))), co, 3);
    const [factor, shift] = halves(linear(at.at("temb_proj"), silu(temb), 2 * co)).map(channelwiseBatch);
    const normed = add(mul(groupNorm(at.at("norm2"), h, groups, eps), scale(factor, 1, 1)), shift);
    const skip = ci === co ? resample(x) : conv(at.at("nin_shortcut"), resample(x), co, 1);
    return at.result(add(skip, conv(at.at("conv2"), silu(normed), co, 3)));
  };
  const channels = (x: Tensor) => x.dims("n c h w")[1];

  return pixelUNet(p, sample, config, {
    block,
    attention(at, x) {
      const [, c, height] = x.dims("n c h w");
      const normed = tokens({ x: groupNorm(at.at("norm"), x, groups, eps) }); // [n, h·w, c]
      const qkv = linear(at.at("qkv"), normed, 3 * c);
      const [q, k, v] = [0, c, 2 * c].map((begin) => slice({ x: qkv }, { axis: 2, begin, end: begin + c }));
      const attended = linear(at.at("proj_out"), attention({ q, k, v }, { heads: c / head_dim }), c);
      return at.result(add(x, image({ x: attended }, { height })));
    },
    downsample: (at, x) => block(at, x, channels(x), (h) => pool({ x: h }, { kind: "mean", size: 2, stride: 2 })),
    upsample: (at, x, size) => block(at, x, channels(x), (h) => upsample({ x: h }, size)),
  });
}

/** [n 2c] as two of [n c]. */
function halves(x: Tensor): [Tensor, Tensor] {
  const [, width] = x.dims("n c");
  const part = (begin: number) => slice({ x }, { axis: 1, begin, end: begin + width / 2 });
  return [part(0), part(width / 2)];
}

/**
 * The network alone: `sample` [n c h w], `timestep` [n] → `sample` [n out_ch h w]. `timestep` is 1000 times `invCos` of
 * the logarithm of the signal-to-noise ratio, as @tessera/sampling has it.
 */
export function progressiveDistillationGraph(
  config: ProgressiveDistillationConfig,
  { batch = 1, height = config.image_size, width = config.image_size } = {},
): Graph {
  const graph = new Graph();
  const sample = graph.input("sample", [batch, config.in_ch, height, width]);
  const timestep = graph.input("timestep", [batch]);
  graph.output("sample", progressiveDistillationUNet(graph.scope(), sample, timestep, config));
  return graph;
}
