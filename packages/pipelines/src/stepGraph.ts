import { Graph } from "@tessera/kernels";
import { concat, lerp, slice } from "@tessera/kernels/ops";
import { unet, type ControlNetConfig, type UNetConfig } from "@tessera/models";
import { controlGraph } from "./controlGraph.ts";

/** What a step graph is made for. */
export interface StepSize {
  /** Of the latents. */
  readonly height: number;
  readonly width: number;
  /** Context tokens. */
  readonly tokens: number;
  /** With classifier-free guidance, that is two evaluations of the UNet in one batch. */
  readonly guided: boolean;
  /** Steered by such a ControlNet. */
  readonly control?: ControlNetConfig;
}

/**
 * One evaluation of the model: `latents` [1 c h w], `timestep` [n] and `context` [n t e] → `prediction` [1 c h w].
 * Guided, n is 2, `context` holds the unconditional prompt first, and `guidance` [1] is the scale s in
 * uncond + s · (cond − uncond) (Ho and Salimans 2021, eq. 6 with w = s − 1). Else n is 1.
 *
 * A UNet for inpainting also takes `mask` [1 1 h w], 1 where the picture is redone, and `masked_image_latents` [1 c h w]. A
 * steered one takes the outputs of `controlGraph`.
 */
export function stepGraph(config: UNetConfig, size: StepSize): Graph {
  const { height, width, tokens, guided, control } = size;
  const graph = new Graph();
  const n = guided ? 2 : 1;
  const latents = graph.input("latents", [1, config.out_channels, height, width]);
  const timestep = graph.input("timestep", [n]);
  const encoder_hidden_states = graph.input("context", [n, tokens, config.cross_attention_dim]);
  let seen = latents;
  if (config.in_channels > config.out_channels) {
    const mask = graph.input("mask", [1, 1, height, width]);
    const kept = graph.input("masked_image_latents", [1, config.in_channels - config.out_channels - 1, height, width]);
    seen = concat({ a: concat({ a: latents, b: mask }), b: kept });
  }
  const sample = guided ? concat({ a: seen, b: seen }, { axis: 0 }) : seen;
  const said = control && controlGraph(control, size).outputs;
  const given = [...(said ?? [])].map(([name, { shape }]) => graph.input(name, shape));
  const steering = said && { down: given.slice(0, -1), mid: given.at(-1)! };
  const out = unet(graph.scope(), { sample, timestep, encoder_hidden_states }, config, steering); // [n, c, h, w]
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
