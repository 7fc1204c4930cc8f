import { Graph, type Params, type Tensor } from "@tessera/kernels";
import { add, attention, image, silu, timestepEmbedding, tokens, upsample } from "@tessera/kernels/ops";
import { eps, pixelUNet } from "../blocks/pixelUNet.ts";
import { channelwiseBatch, conv, groupNorm, linear } from "../layers.ts";
import type { DdpmConfig } from "./config.ts";

/**
 * The denoising network of DDPM (Ho et al. 2020) and DDIM (Song et al. 2021): noisy pictures [n c h w] and timesteps [n]
 * → the noise in them. Parameter names are those of ermongroup/ddim.
 */
export function ddpmUNet(p: Params, sample: Tensor, timestep: Tensor, config: DdpmConfig): Tensor {
  const groups = config.norm_num_groups;
  const temb = timeEmbedding(p.at("temb"), timestep, config.ch, 4 * config.ch);
  return pixelUNet(p, sample, config, {
    block(at, x, co) {
      const [, ci] = x.dims("n c h w");
      let h = conv(at.at("conv1"), silu(groupNorm(at.at("norm1"), x, groups, eps)), co, 3);
      h = add(h, channelwiseBatch(linear(at.at("temb_proj"), silu(temb), co)));
      h = conv(at.at("conv2"), silu(groupNorm(at.at("norm2"), h, groups, eps)), co, 3);
      return at.result(add(ci === co ? x : conv(at.at("nin_shortcut"), x, co, 1), h));
    },
    attention(at, x) {
      const [, c, height] = x.dims("n c h w");
      const h = tokens({ x: groupNorm(at.at("norm"), x, groups, eps) }); // [n, h·w, c]
      const [q, k, v] = ["q", "k", "v"].map((name) => linear(at.at(name), h, c));
      const attended = linear(at.at("proj_out"), attention({ q, k, v }, { heads: 1 }), c);
      return at.result(add(x, image({ x: attended }, { height })));
    },
    downsample(at, x) {
      const [, c] = x.dims("n c h w");
      return at.result(conv(at.at("conv"), x, c, 3, { stride: 2, pad: [0, 0, 1, 1] })); // zeros at the bottom and right
    },
    upsample(at, x, size) {
      const [, c] = x.dims("n c h w");
      return at.result(conv(at.at("conv"), upsample({ x }, size), c, 3));
    },
  });
}

/** Sines, then cosines, of the timestep [n] through two layers → [n width]. */
export function timeEmbedding(p: Params, timestep: Tensor, waves: number, width: number): Tensor {
  const embedded = timestepEmbedding({ timestep }, { dim: waves, flipSinToCos: false, freqShift: 1 });
  const inner = linear(p.at("dense.0"), embedded, width);
  return p.result(linear(p.at("dense.1"), silu(inner), width));
}

/** The network alone: `sample` [n c h w], `timestep` [n] → `sample`. */
export function ddpmGraph(
  config: DdpmConfig,
  { batch = 1, height = config.image_size, width = config.image_size } = {},
): Graph {
  const graph = new Graph();
  const sample = graph.input("sample", [batch, config.in_channels, height, width]);
  const timestep = graph.input("timestep", [batch]);
  graph.output("sample", ddpmUNet(graph.scope(), sample, timestep, config));
  return graph;
}
