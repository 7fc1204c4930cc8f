import type { Progress } from "./engine.ts";
import { formatBytes, formatMs } from "./format.ts";

/** Progress as a sentence, and as a share from 0 to 1 (undefined while nobody can tell). */
export function describeProgress({ phase, step, total, within = 0, detail = "", stepMs }: Progress): {
  readonly text: string;
  readonly share: number | undefined;
} {
  const share = total > 0 ? (step + within) / total : undefined;
  const part = within ? `: ${Math.round(100 * within)} %` : "";
  switch (phase) {
    case "load": {
      const what = detail.replaceAll("_", " ");
      if (total === 0) return { text: "Starting", share };
      if (what.endsWith(" tuning")) return { text: `Timing kernels, ${what.slice(0, -7)}: ${step} of ${total}`, share };
      const count = what.endsWith("weights") ? `${formatBytes(step)} of ${formatBytes(total)}` : `${step} of ${total}`;
      return { text: `Loading ${what}: ${count}`, share };
    }
    case "encode":
      return { text: within ? `Reading the picture${part}` : "Reading the prompt", share };
    case "sample": {
      const pace = stepMs === undefined ? "" : `, ${formatMs(stepMs)} per step`;
      const what = runs[detail] ?? "Step";
      return { text: `${what} ${step + (within ? 1 : 0)} of ${total}${part}${pace}`, share };
    }
    case "measure":
      return { text: `Measuring ${detail}`, share };
    case "decode":
      return { text: `Decoding the picture${part}`, share: within || 1 };
  }
}

/** What the steps of a picture are, if not those to it. */
const runs: Record<string, string> = {
  recording: "Recording the picture as it is: step",
  "as a whole": "To compare, as a whole: step",
};
