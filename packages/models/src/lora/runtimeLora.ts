import { pass, type Graph, type Tensor } from "@tessera/kernels";
import { add, conv2d, linear, mul, scale } from "@tessera/kernels/ops";
import { merged, renamed, type WeightSource } from "@tessera/safetensors";
import { loraTargets, type Lora } from "./lora.ts";

/** A network with a LoRA beside its weights. */
export interface RuntimeLora {
  readonly graph: Graph;
  /** The network's weights and the LoRA's. */
  readonly weights: WeightSource;
}

/**
 * A network whose LoRA is kept apart: each layer that it changes becomes y + weight · (alpha / rank) · up(down(x)), and the
 * graph has a further input [1], so that the weight may change from run to run. What `withLora` merges, at the cost of two
 * thin layers each.
 *
 * @param input what that input is called; several LoRAs of one network have one each

 * @throws {LoraError} as `withLora` does
 */
export function runtimeLora(graph: Graph, source: WeightSource, lora: Lora, input = "lora_weight"): RuntimeLora {
  const targets = loraTargets(source, lora);
  const weight = graph.input(input, [1]);
  const beside = pass("runtimeLora", (site) => {
    const { weight: param, x } = site.node.inputs as Record<string, Tensor | undefined>;
    const layer = param?.op.name === "param" ? targets.get(param.path) : undefined;
    if (!param || !x || !layer) return undefined;
    const [co, ...inner] = param.shape;
    const down = site.graph.param(`${param.path}.${input}.down`, [layer.rank, ...inner]);
    const up = site.graph.param(`${param.path}.${input}.up`, [co, layer.rank, ...inner.slice(1).map(() => 1)]);
    const low =
      site.node.op.name === "conv2d"
        ? conv2d({ x: conv2d({ x, weight: down }, site.node.attrs), weight: up })
        : linear({ x: linear({ x, weight: down }), weight: up });
    return add(site.graph.add(site.node), mul(scale(low, layer.scale), site.after(weight)));
  });
  const names = new Map(
    [...targets].flatMap(([target, { down, up }]) => [
      [down, `${target}.${input}.down`],
      [up, `${target}.${input}.up`],
    ]),
  );
  return {
    graph: beside.apply(graph),
    weights: merged(
      source,
      renamed(lora.source, (name) => names.get(name)),
    ),
  };
}
