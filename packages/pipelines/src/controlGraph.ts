import { Graph } from "@tessera/kernels";
import { concat } from "@tessera/kernels/ops";
import { controlNet, type ControlNetConfig } from "@tessera/models";
import type { StepSize } from "./stepGraph.ts";

/**
 * What a ControlNet says to a step: `latents`, `timestep` and `context` as the step has them, the control picture `image`
 * [1 3 H W] in 0 … 1 and `scale` [1] → `down.0` …, `mid`, for the UNet to add.
 */
export function controlGraph(config: ControlNetConfig, { height, width, tokens, guided }: StepSize): Graph {
  const graph = new Graph();
  const n = guided ? 2 : 1;
  const factor = 2 ** (config.conditioning_embedding_out_channels.length - 1);
  const latents = graph.input("latents", [1, config.in_channels, height, width]);
  const { down, mid } = controlNet(
    graph.scope(),
    {
      sample: guided ? concat({ a: latents, b: latents }, { axis: 0 }) : latents,
      timestep: graph.input("timestep", [n]),
      encoder_hidden_states: graph.input("context", [n, tokens, config.cross_attention_dim]),
      controlnet_cond: graph.input("image", [1, config.conditioning_channels, factor * height, factor * width]),
      conditioning_scale: graph.input("scale", [1]),
    },
    config,
  );
  down.forEach((t, i) => graph.output(`down.${i}`, t));
  graph.output("mid", mid);
  return graph;
}
