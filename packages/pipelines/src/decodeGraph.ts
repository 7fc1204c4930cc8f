import { Graph } from "@tessera/kernels";
import { scale } from "@tessera/kernels/ops";
import { vaeDecoder, type VaeConfig } from "@tessera/models";

/** `latents` [1 c h w] as the sampler leaves them → `image` [1 3 H W], about −1 … 1. */
export function decodeGraph(config: VaeConfig, { height, width }: { height: number; width: number }): Graph {
  const graph = new Graph();
  const latents = graph.input("latents", [1, config.latent_channels, height, width]);
  graph.output("image", vaeDecoder(graph.scope(), scale(latents, 1 / config.scaling_factor), config));
  return graph;
}
