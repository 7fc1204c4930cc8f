import { gauganGraph, type LabelMap } from "@tessera/models";
import { density, differenceMask, dilate, maskPyramid, type Mask } from "@tessera/sparse";
import type { EditReport } from "./editSession.ts";
import { imageFromTensor, type Image } from "./image.ts";
import { planesOf, type Gaugan } from "./paintGaugan.ts";
import { persist } from "./persist.ts";
import { PipelineError } from "./PipelineError.ts";
import { stepwise, type LoadWatch, type Steps } from "./progress.ts";
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
  edit(edit: LoadWatch & { readonly map: LabelMap; readonly compare?: boolean }): Promise<Repaint>;
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
export async function openPaintSession(gaugan: Gaugan, first: LabelMap, watch: LoadWatch = {}): Promise<PaintSession> {
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

  async function record(map: LabelMap, steps: Steps): Promise<void> {
    const planes = planesOf(map, gaugan);
    steps.tell({ phase: "decode", step: 0, total: 1, detail: "recording" });
    const { image } = await timed("record", network.original({ segmentation: planes }, steps.run()));
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
    planesOf(first, gaugan); // refused before anything is loaded
    await timed("load", network.load(watch));
    await record(first, stepwise(watch));
  } catch (error) {
    network.dispose();
    throw error;
  }

  const edit: PaintSession["edit"] = ({ map, compare = false, ...watch }) => {
    const steps = stepwise(watch);
    const work = async () => {
      watch.signal?.throwIfAborted();
      const mask = editedLabels(gaugan, now.map, map);
      const planes = planesOf(map, gaugan);
      const grown = dilate(mask, 1);
      const lists = network.lists(maskPyramid(grown, { minimum: 4, dilation: 2 }));
      const pixels = async (outputs: Awaited<ReturnType<typeof network.whole>>) => outputs.image.read();
      const at = { phase: "decode", total: 1 } as const;
      await timed("load", network.prepare(lists, watch));
      steps.tell({ ...at, step: 0 });
      const image = await timed("sparse", network.edit({ segmentation: planes }, lists, steps.run()).then(pixels));
      steps.tell({ ...at, step: 1 });
      if (compare) await timed("load", network.prepare(undefined, watch));
      if (compare) steps.tell({ ...at, step: 0, detail: "as a whole" });
      const dense = compare
        ? await timed("dense", network.whole({ segmentation: planes }, steps.run()).then(pixels))
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
    };
    const forget = () => {
      network.forget();
      return record(now.map, steps);
    };
    return exclusive(() => persist(work, forget));
  };
  const move = (from: LabelMap[], to: LabelMap[]) => () =>
    exclusive(async () => {
      const next = from.pop();
      if (!next) return false;
      to.push(now.map);
      await record(next, stepwise({}));
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
        await record(pending, stepwise({}));
      }),
    undo: move(back, forth),
    redo: move(forth, back),
    dispose() {
      disposed = true;
      network.dispose();
    },
  };
}

/**
 * Which pixels two label maps paint differently: those whose labels or edges of instances differ.
 *
 * @throws {PipelineError} as `paintGaugan` does, or if there are none
 */
export function editedLabels(gaugan: Gaugan, before: LabelMap, after: LabelMap): Mask {
  const { height, width } = gaugan;
  const mask = differenceMask(planesOf(before, gaugan), planesOf(after, gaugan), { height, width, eps: 1e-3 });
  if (mask.data.includes(1)) return mask;
  throw new PipelineError("The labels are the same. Change some.");
}
