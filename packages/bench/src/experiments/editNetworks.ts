import { countMacs, type Backend, type Graph } from "@tessera/kernels";
import {
  componentGraph,
  compressedGaugan,
  ddpmConfigs,
  ddpmGraph,
  gauganConfigs,
  gauganGraph,
  mobileDiffusion,
  mobileDiffusionGraph,
  mobileDiffusionVae,
  progressiveDistillationConfigs,
  progressiveDistillationGraph,
  sd15,
} from "@tessera/models";
import { maskPyramid, sparseMacs, sparsify, type Mask } from "@tessera/sparse";
import { inTurns } from "./inTurns.ts";
import { openEdit } from "./openEdit.ts";
import type { SparseNetwork } from "./sparseNetworks.ts";

/** A network at its real size, how it is computed by blocks, and the pictures that its masks belong to. */
export type EditNetwork = Pick<SparseNetwork, "graph" | "options" | "pyramid" | "height" | "width">;

const pixels = (graph: () => Graph, resolution: number, size: number): EditNetwork => ({
  graph,
  options: { edited: ["sample"], resolution, always: (path) => path.endsWith("upsample.conv") },
  pyramid: { minimum: 8, dilation: 1 },
  height: size,
  width: size,
});
const gaugan = (graph: () => Graph, resolution: number): EditNetwork => ({
  graph,
  options: { edited: ["segmentation"], resolution },
  pyramid: { minimum: [4, 8], dilation: 2 },
  height: 256,
  width: 512,
});
const latent = (graph: () => Graph, edited: string, dilation: number, size = 512): EditNetwork => ({
  graph,
  options: { edited: [edited], resolution: 8 },
  pyramid: { minimum: 4, dilation },
  height: size,
  width: size,
});

/**
 * The networks, with the settings of SIGE's paper; but the convolutions that it leaves whole at the full resolution, the
 * first and the last, are computed by blocks too.
 */
export const editNetworks: Readonly<Record<string, EditNetwork>> = {
  "ddpm-church256": pixels(() => ddpmGraph(ddpmConfigs.church256), 64, 256),
  "pd-church128": pixels(() => progressiveDistillationGraph(progressiveDistillationConfigs.church128), 32, 128),
  "pd-church256": pixels(() => progressiveDistillationGraph(progressiveDistillationConfigs.church256), 32, 256),
  gaugan: gaugan(() => gauganGraph(gauganConfigs.cityscapes), 16),
  "gan-compression": gaugan(() => gauganGraph(compressedGaugan("32_32_32_48_32_24_24_32")), 32),
  "sd15-unet": latent(() => componentGraph({ component: "unet", config: sd15.unet }), "sample", 1),
  "sd15-vae-encoder": latent(() => componentGraph({ component: "vae_encoder", config: sd15.vae }), "sample", 1),
  "sd15-vae-decoder": latent(() => componentGraph({ component: "vae_decoder", config: sd15.vae }), "latents", 0),
  "mobilediffusion-unet": latent(() => mobileDiffusionGraph(mobileDiffusion), "sample", 1),
  "mobilediffusion-vae-decoder": latent(
    () => componentGraph({ component: "vae_decoder", config: mobileDiffusionVae.decoder }),
    "latents",
    0,
  ),
};

const latents32 = { height: 32, width: 32 };
/** For devices that are slow at 512×512: pictures of 256×256. */
const smallEditNetworks: Readonly<Record<string, EditNetwork>> = {
  "sd15-unet@256": latent(() => componentGraph({ component: "unet", config: sd15.unet }, latents32), "sample", 1, 256),
  "sd15-vae-decoder@256": latent(
    () => componentGraph({ component: "vae_decoder", config: sd15.vae }, latents32),
    "latents",
    0,
    256,
  ),
};

/** One of them by its name. */
export const editNetwork = (name: string): EditNetwork => {
  const all = { ...editNetworks, ...smallEditNetworks };
  if (!Object.hasOwn(all, name))
    throw new Error(`There is no network ${name} to edit. There are ${Object.keys(all).join(", ")}.`);
  return all[name];
};

/** Shares of a picture that are counted. */
export const editShares = [0.0025, 0.005, 0.012, 0.025, 0.05, 0.1, 0.155, 0.25, 0.4, 0.6, 1];

/** A square of a share of the picture, off the middle. */
function square({ height, width }: Pick<Mask, "height" | "width">, share: number): Mask {
  const side = Math.max(1, Math.round(Math.sqrt(share * height * width)));
  const [top, left] = share === 1 ? [0, 0] : [Math.floor((height - side) * 0.4), Math.floor((width - side) * 0.6)];
  const data = new Uint8Array(height * width).fill(share === 1 ? 1 : 0);
  for (let i = Math.max(0, top); i < Math.min(height, top + side); i++)
    data.fill(1, i * width + Math.max(0, left), i * width + Math.min(width, left + side));
  return { height, width, data };
}

const masksOf = (network: EditNetwork, share: number) => maskPyramid(square(network, share), network.pyramid);

/** Multiply-adds of a network, and of an edit of each of `editShares`. */
export function countEdits(name: string): { readonly whole: number; readonly edits: readonly number[] } {
  const network = editNetwork(name);
  const graph = network.graph();
  const { sparse, blocks } = sparsify(graph, network.options);
  const edits = editShares.map((share) => sparseMacs(sparse, blocks(masksOf(network, share))));
  return { whole: countMacs(graph).total, edits };
}

/** Multiply-adds, and milliseconds of single runs. */
export interface EditSamples {
  readonly macs: number;
  readonly samples: readonly number[];
}

/**
 * Times a network as a whole, an edit of 1.2 % by blocks, and, unless that is too much, an edit of all of it by blocks:
 * random weights, inputs and states on the device.
 */
export async function timeEdits(
  name: string,
  backend: Backend,
  { rounds, small, signal }: { readonly rounds: number; readonly small: boolean; readonly signal: AbortSignal },
): Promise<{ readonly whole: EditSamples; readonly edit: EditSamples; readonly all?: EditSamples }> {
  const network = editNetwork(name);
  // Weights of four bytes leave no room in 4 GiB beside what is recorded.
  const weights = name.startsWith("sd15-unet") ? "F16" : "F32";
  const opened = await openEdit(network, { backend, signal }, weights);
  try {
    const runs = [await opened.dense(), (await opened.byBlocks({ room: 0.1 })).edit(masksOf(network, 0.012))];
    // What the decoder records is more than half of 4 GiB: there is no memory for all of the picture beside it.
    if (!small && name !== "sd15-vae-decoder") runs.push((await opened.byBlocks()).edit(masksOf(network, 1)));
    const times = await inTurns(runs, rounds);
    const [whole, edit, all] = runs.map(({ macs }, i) => ({ macs, samples: times[i] }));
    return { whole, edit, ...(all && { all }) };
  } finally {
    opened.dispose();
  }
}
