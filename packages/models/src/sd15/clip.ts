import type { Params, Tensor } from "@tessera/kernels";
import { add, attention, embed, gelu, quickGelu } from "@tessera/kernels/ops";
import { layerNorm, linear } from "../layers.ts";
import type { ClipTextConfig } from "./config.ts";

/** What CLIP's two transformers have in common. */
export type ClipLayersConfig = Pick<
  ClipTextConfig,
  "hidden_size" | "intermediate_size" | "num_hidden_layers" | "num_attention_heads" | "hidden_act" | "layer_norm_eps"
>;

/** The layers `encoder.layers.*` of either transformer of CLIP: [n t e] → [n t e]. Only text is `causal`. */
export function clipLayers(p: Params, tokens: Tensor, config: ClipLayersConfig, causal: boolean): Tensor {
  const { hidden_size: e, num_attention_heads: heads, layer_norm_eps: eps } = config;
  const activation = config.hidden_act === "gelu" ? gelu : quickGelu;
  let h = tokens;
  for (let i = 0; i < config.num_hidden_layers; i++) {
    const layer = p.at("encoder.layers").at(i);
    const a = layer.at("self_attn");
    let x = layerNorm(layer.at("layer_norm1"), h, eps);
    const q = linear(a.at("q_proj"), x, e);
    const k = linear(a.at("k_proj"), x, e);
    const v = linear(a.at("v_proj"), x, e);
    h = add(h, linear(a.at("out_proj"), attention({ q, k, v }, { heads, causal }), e));
    x = layerNorm(layer.at("layer_norm2"), h, eps);
    x = linear(layer.at("mlp.fc2"), activation(linear(layer.at("mlp.fc1"), x, config.intermediate_size)), e);
    h = layer.result(add(h, x));
  }
  return h;
}

/**
 * CLIP's text transformer (Radford et al. 2021, §2.4): ids [n t] → last hidden state [n t e], after the final layer norm.
 * Parameter names are those of transformers' CLIPTextModel.
 */
export function clipTextEncoder(p: Params, input_ids: Tensor, config: ClipTextConfig): Tensor {
  const e = config.hidden_size;
  const [, t] = input_ids.dims("n t");
  const model = p.at("text_model");
  const table = model.at("embeddings.token_embedding").get("weight", [config.vocab_size, e]);
  const positions = model.at("embeddings.position_embedding").get("weight", [config.max_position_embeddings, e]);
  if (t !== config.max_position_embeddings)
    throw new RangeError(
      `clipTextEncoder: got ${t} tokens, the model has ${config.max_position_embeddings} positions. Pad or cut the prompt.`,
    );
  const h = model.at("embeddings").result(add(embed({ ids: input_ids, table }), positions)); // [n, t, e]
  return layerNorm(model.at("final_layer_norm"), clipLayers(model, h, config, true), config.layer_norm_eps);
}
