import { gauganGraph, type LabelMap } from "@tessera/models";
import { density, differenceMask, dilate, maskPyramid } from "@tessera/sparse";
import type { EditReport } from "./editSession.ts";
import { imageFromTensor, type Image } from "./image.ts";
import { planesOf, type Gaugan } from "./paintGaugan.ts";
import { PipelineError } from "./PipelineError.ts";
import type { OnProgress } from "./progress.ts";
import { psnr } from "./psnr.ts";
import { SparseNetwork } from "./sparseNetwork.ts";

/** What a repaint cost: as of an edit, less the cache, for there is but one evaluation. */
export type RepaintReport = Omit<EditReport, "cache">;

export interface Repaint {
  readonly image: Image;
  /** The picture painted as a whole, if it was asked for. */
  readonly dense?: Image;
  readonly report: RepaintReport;
}

/** A painting whose labels are being edited: see `openPaintSession`. */
export interface PaintSession {
  /** The picture of `map`. */
  readonly image: Image;
  readonly map: LabelMap;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  /**
   * Paints another map by blocks, where its labels or edges of instances differ. It commits nothing.
   *
   * @throws {PipelineError} as `paintGaugan` does, or if nothing differs
   */
  edit(edit: { readonly map: LabelMap; readonly compare?: boolean; readonly signal?: AbortSignal }): Promise<Repaint>;
  /**
   * Makes the last edit's map the session's, which is painted as a whole, to be recorded.
   *
   * @throws {PipelineError} if there is no edit that is not accepted yet
   */
  accept(): Promise<void>;
  /** Back to the map before the last acceptance, which is painted again; false if there is none. */
  undo(): Promise<boolean>;
  redo(): Promise<boolean>;
  /** Frees the memory on the device; the model stays. A second call does nothing. */
  dispose(): void;
}

/**
 * Paints a label map, keeping what the network makes of it on the device, so that edits of the map are painted by blocks:
 * SIGE's settings for GauGAN (Li et al. 2022), but for the last convolution, which is computed by blocks too.
 *
 * @throws {PipelineError} as `paintGaugan` does
 */
export async function openPaintSession(
  gaugan: Gaugan,
  first: LabelMap,
  { signal, onProgress }: { readonly signal?: AbortSignal; readonly onProgress?: OnProgress } = {},
): Promise<PaintSession> {
  const { config, width, height } = gaugan;
  // By blocks from the fifth doubling before the picture's size on, where a block is much smaller than the picture.
  const options = { edited: ["segmentation"], resolution: Math.max(4, Math.min(width, height) / 16) };
  const network = new SparseNetwork("GauGAN", gauganGraph(config), options, gaugan);
  const ms = { load: 0, record: 0, sparse: 0, dense: 0 };
  const timed = async <T>(what: keyof typeof ms, work: Promise<T>): Promise<T> => {
    const from = performance.now();
    const result = await work;
    ms[what] += performance.now() - from;
    return result;
  };
  let now!: { map: LabelMap; planes: Float32Array; image: Image };
  let pending: LabelMap | undefined;
  let disposed = false;
  const [back, forth]: LabelMap[][] = [[], []];

  async function record(map: LabelMap, watch: { signal?: AbortSignal }): Promise<void> {
    const planes = planesOf(map, gaugan);
    const { image } = await timed("record", network.original({ segmentation: planes }, watch));
    now = { map, planes, image: imageFromTensor(await image.read(), width, height) };
    pending = undefined;
  }
  let queue: Promise<unknown> = Promise.resolve();
  const exclusive = <T>(work: () => Promise<T>): Promise<T> => {
    const turn = queue.then(() => {
      if (disposed) throw new PipelineError("This paint session has been disposed. Open another.");
      return work();
    });
    queue = turn.catch(() => {});
    return turn;
  };

  try {
    onProgress?.({ phase: "load", step: 0, total: 1, detail: "GauGAN by blocks" });
    await timed("load", network.load({ signal }));
    onProgress?.({ phase: "load", step: 1, total: 1, detail: "GauGAN by blocks" });
    await record(first, { signal });
  } catch (error) {
    network.dispose();
    throw error;
  }

  const edit: PaintSession["edit"] = ({ map, compare = false, signal }) =>
    exclusive(async () => {
      signal?.throwIfAborted();
      const planes = planesOf(map, gaugan);
      const mask = differenceMask(now.planes, planes, { height, width, eps: 1e-3 });
      if (!mask.data.includes(1)) throw new PipelineError("The labels are the same. Change some.");
      const grown = dilate(mask, 1);
      const lists = network.lists(maskPyramid(grown, { minimum: 4, dilation: 2 }));
      const pixels = async (outputs: Awaited<ReturnType<typeof network.whole>>) => outputs.image.read();
      await timed("load", network.prepare(lists, { signal }));
      const image = await timed("sparse", network.edit({ segmentation: planes }, lists, { signal }).then(pixels));
      if (compare) await timed("load", network.prepare(undefined, { signal }));
      const dense = compare
        ? await timed("dense", network.whole({ segmentation: planes }, { signal }).then(pixels))
        : undefined;
      pending = map;
      const { load, record, sparse } = ms;
      const report: RepaintReport = {
        edited: density(mask),
        grown: density(grown),
        blocks: network.activeBlocks(lists),
        macs: network.macs(lists),
        ms: { load, record, recall: 0, sparse, ...(dense && { dense: ms.dense }) },
        stateBytes: network.stateBytes,
        ...(dense && { psnr: { all: psnr(image, dense), inside: psnr(image, dense, grown) } }),
      };
      Object.assign(ms, { load: 0, record: 0, sparse: 0, dense: 0 });
      return {
        image: imageFromTensor(image, width, height),
        ...(dense && { dense: imageFromTensor(dense, width, height) }),
        report,
      };
    });
  const move = (from: LabelMap[], to: LabelMap[]) => () =>
    exclusive(async () => {
      const next = from.pop();
      if (!next) return false;
      to.push(now.map);
      await record(next, {});
      return true;
    });

  return {
    get image() {
      return now.image;
    },
    get map() {
      return now.map;
    },
    get canUndo() {
      return back.length > 0;
    },
    get canRedo() {
      return forth.length > 0;
    },
    edit,
    accept: () =>
      exclusive(async () => {
        if (!pending) throw new PipelineError("There is no edit to accept. Call edit first.");
        back.push(now.map);
        forth.splice(0);
        await record(pending, {});
      }),
    undo: move(back, forth),
    redo: move(forth, back),
    dispose() {
      disposed = true;
      network.dispose();
    },
  };
}
