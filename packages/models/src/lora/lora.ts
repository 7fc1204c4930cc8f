import { toFloat32, type SafetensorsSource, type WeightSource } from "@tessera/safetensors";

/** A LoRA file cannot be read, or was made for another network. */
export class LoraError extends Error {
  override readonly name = "LoraError";
}

/** What one layer's weight W gains (Hu et al. 2022, §4.1): scale · up · down, of rank `rank`. */
export interface LoraLayer {
  /** The layer as the file calls it. */
  readonly name: string;
  /** The file's tensors: down [r, inputs…] and up [outputs, r, …]. */
  readonly down: string;
  readonly up: string;
  readonly rank: number;
  /** alpha / rank; 1 where the file has no alpha. */
  readonly scale: number;
}

/** A LoRA file, understood: its layers by the part that they belong to and the name of the module, dots as underscores. */
export interface Lora {
  readonly source: WeightSource;
  readonly unet: ReadonlyMap<string, LoraLayer>;
  readonly text_encoder: ReadonlyMap<string, LoraLayer>;
}

const half = {
  lora_down: "down",
  lora_A: "down",
  "lora.down": "down",
  "lora_linear_layer.down": "down",
  lora_up: "up",
  lora_B: "up",
  "lora.up": "up",
  "lora_linear_layer.up": "up",
} as const;
const current =
  /^(.*)\.(lora_down|lora_up|lora_[AB]|lora\.down|lora\.up|lora_linear_layer\.(?:down|up))(?:\.\w+)?\.weight$/;
/** diffusers before 0.21: attention processors that own the LoRA of what they process. */
const processor = /^(.*)\.processor\.(to_[qkv]|to_out)_lora\.(down|up)\.weight$/;
const otherKinds = /\.(hada_|lokr_|lora_mid|dora_scale|lora_magnitude_vector|diff(_b)?$|oft_)/;

/**
 * Reads a LoRA's names, and its alphas, which are single numbers: kohya's (`lora_unet_…`, `lora_te_…`), PEFT's
 * (`unet.….lora_A.weight`, with or without `base_model.model.`), and diffusers' old ones (`….processor.to_q_lora.down`,
 * `….lora.down`, `….lora_linear_layer.down`). A file without alphas has scale 1, unless its header says otherwise
 * (diffusers' `lora_adapter_metadata`), or the `adapter_config.json` beside it: give its `lora_alpha` as `alpha`.
 *
 * @throws {LoraError} for names that are no LoRA's, kinds other than LoRA (LoHa, LoKr, DoRA …), and halves without the other
 */
export async function readLora(
  source: WeightSource & Partial<Pick<SafetensorsSource, "metadata">>,
  { alpha }: { readonly alpha?: number } = {},
): Promise<Lora> {
  const found = new Map<string, { down?: string; up?: string; alpha?: string }>();
  const unknown: string[] = [];
  for (const name of source.names()) {
    if (otherKinds.test(name))
      throw new LoraError(
        `${name}: this is no plain LoRA (but LoHa, LoKr, DoRA, LoCon with a middle, or full weights), and cannot be merged here. ` +
          "Merge it into the checkpoint with the tool that made it.",
      );
    const now = current.exec(name);
    const old = processor.exec(name);
    const module = now?.[1] ?? (old ? `${old[1]}.${old[2] === "to_out" ? "to_out.0" : old[2]}` : undefined);
    const role = now ? half[now[2] as keyof typeof half] : (old?.[3] as "down" | "up" | undefined);
    const at = module ?? /^(.*)\.alpha$/.exec(name)?.[1];
    if (at === undefined) unknown.push(name);
    else found.set(at, { ...found.get(at), [role ?? "alpha"]: name });
  }
  if (unknown.length || !found.size)
    throw new LoraError(
      `This is no LoRA: ${unknown.length ? listed(unknown) : "it holds no tensors"} is no name of one.`,
    );

  const header = adapterMetadata(source.metadata?.get("lora_adapter_metadata"));
  const lora = { source, unet: new Map<string, LoraLayer>(), text_encoder: new Map<string, LoraLayer>() };
  for (const [name, { down, up, alpha: own }] of found) {
    if (!down || !up) throw new LoraError(`${name} has no ${down ? "up" : "down"}: the file is incomplete.`);
    const { part, module } = placeOf(name);
    const [rank] = source.info(down)!.shape;
    if (source.info(up)!.shape[1] !== rank)
      throw new LoraError(`${name}: down has rank ${rank}, up ${source.info(up)!.shape[1]}. The file is damaged.`);
    const said = alpha ?? header[`${part}.lora_alpha`];
    const value = own ? toFloat32(await source.get(own))[0] : typeof said === "number" ? said : rank;
    lora[part].set(module, { name, down, up, rank, scale: value / rank });
  }
  return lora;
}

/** What diffusers wrote into the header: `unet.lora_alpha`, `unet.r` and the like. */
function adapterMetadata(json = "{}"): Record<string, unknown> {
  try {
    return JSON.parse(json) as Record<string, unknown>;
  } catch (cause) {
    throw new LoraError("lora_adapter_metadata in the file's header is not JSON. Download the file again.", { cause });
  }
}

/** The part that a layer belongs to, and its module's path with underscores for dots, which is all that kohya's names keep. */
function placeOf(name: string): { part: "unet" | "text_encoder"; module: string } {
  const path = name.replace(/^base_model\.model\./, "");
  const text = /^(lora_te1?_|text_encoder\.|(?=text_model\.))/.exec(path);
  const prefix = text ?? /^(lora_unet_|unet\.)/.exec(path);
  const module = path.slice(prefix?.[0].length ?? 0).replaceAll(".", "_");
  return { part: text ? "text_encoder" : "unet", module };
}

/**
 * The layers of a LoRA by the checkpoint's names of the weights that they change. `source` has one part's tensors under
 * the names of the models here.
 *
 * @throws {LoraError} that lists every layer which fits nothing
 */
export function loraTargets(source: WeightSource, lora: Lora): Map<string, LoraLayer> {
  const modules = new Map<string, string>();
  let part: "unet" | "text_encoder" = "unet";
  for (const name of source.names()) {
    if (name.startsWith("text_model.")) part = "text_encoder";
    if (name.endsWith(".weight")) modules.set(name.slice(0, -".weight".length).replaceAll(".", "_"), name);
  }
  const targets = new Map<string, LoraLayer>();
  const unmatched: string[] = [];
  const misshapen: string[] = [];
  for (const [module, layer] of lora[part]) {
    const target = modules.get(module);
    if (target === undefined) {
      unmatched.push(layer.name);
      continue;
    }
    const { shape } = source.info(target)!;
    const [, ...inner] = lora.source.info(layer.down)!.shape;
    const [outer] = lora.source.info(layer.up)!.shape;
    const square = (sizes: readonly number[]) => sizes.join(" ").replace(/( 1)+$/, "");
    if (square([outer, ...inner]) === square(shape)) targets.set(target, layer);
    else misshapen.push(`${layer.name} is for [${[outer, ...inner].join(" ")}], ${target} is [${shape.join(" ")}]`);
  }
  if (unmatched.length || misshapen.length)
    throw new LoraError(
      `The LoRA does not fit this ${part}: ${unmatched.length} of ${lora[part].size} layers fit nothing, ` +
        `${misshapen.length} have other sizes. ${listed([...unmatched, ...misshapen])}. ` +
        "It was made for another model (Stable Diffusion 1, 2 and XL differ).",
    );
  return targets;
}

const listed = (names: readonly string[]): string =>
  names.slice(0, 6).join("; ") + (names.length > 6 ? `; and ${names.length - 6} more` : "");
