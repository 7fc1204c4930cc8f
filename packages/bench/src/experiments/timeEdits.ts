import type { MaskPyramid } from "@tessera/sparse";
import { timeOf } from "../result.ts";
import type { EditNetwork } from "./editNetworks.ts";
import type { Laboratory } from "./experiment.ts";
import { inTurns } from "./inTurns.ts";
import { openEdit } from "./openEdit.ts";

export interface TimeEditsOptions extends Pick<Laboratory, "backend" | "signal" | "say"> {
  /** How often each has its turn. */
  readonly rounds: number;
  /** See `SparsifyOptions`. */
  readonly room?: number;
  /** Of the weights; default F16. */
  readonly dtype?: "F32" | "F16";
}

/** Times a network as a whole, and edits of it by blocks, in turns: random numbers, of which the original is recorded once. */
export async function timeEdits(
  network: EditNetwork,
  masks: readonly MaskPyramid[],
  { backend, signal, say, rounds, room, dtype }: TimeEditsOptions,
) {
  say("  recording the original");
  const opened = await openEdit(network, { backend, signal }, dtype);
  try {
    const [whole, byBlocks] = [await opened.dense(), await opened.byBlocks({ room })];
    const edits = masks.map((one) => byBlocks.edit(one));
    const samples = await inTurns([whole, ...edits], rounds, (round) => say(`  round ${round} of ${rounds}`));
    const [time, ...times] = samples.map(timeOf);
    return { macs: whole.macs, time, edits: edits.map(({ macs }, i) => ({ macs, time: times[i] })) };
  } finally {
    opened.dispose();
  }
}
