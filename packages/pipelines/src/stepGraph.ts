import { Graph } from "@tessera/kernels";
import { concat, lerp, slice } from "@tessera/kernels/ops";
import { unet, type UNetConfig } from "@tessera/models";

/** What a step graph is made for. */
export interface StepSize {
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
  /** Context tokens. */
  readonly tokens: number;
  /** With classifier-free guidance, that is two evaluations of the UNet in one batch. */
  readonly guided: boolean;
}

/**
 * One evaluation of the model: `latents` [1 c h w], `timestep` [n] and `context` [n t e] → `prediction` [1 c h w].
 * Guided, n is 2, `context` holds the unconditional prompt first, and `guidance` [1] is the scale s in
 * uncond + s · (cond − uncond) (Ho and Salimans 2021, eq. 6 with w = s − 1). Else n is 1.
 */
export function stepGraph(config: UNetConfig, { height, width, tokens, guided }: StepSize): Graph {
  const graph = new Graph();
  const n = guided ? 2 : 1;
  const latents = graph.input("latents", [1, config.in_channels, height, width]);
  const timestep = graph.input("timestep", [n]);
  const encoder_hidden_states = graph.input("context", [n, tokens, config.cross_attention_dim]);
  const sample = guided ? concat({ a: latents, b: latents }, { axis: 0 }) : latents;
  const out = unet(graph.scope(), { sample, timestep, encoder_hidden_states }, config); // [n, c, h, w]
  if (!guided) {
    graph.output("prediction", out);
    return graph;
  }
  const guidance = graph.input("guidance", [1]);
  const uncond = slice({ x: out }, { axis: 0, begin: 0, end: 1 });
  const cond = slice({ x: out }, { axis: 0, begin: 1, end: 2 });
  graph.output("prediction", lerp(uncond, cond, guidance));
  return graph;
}
