import type { Progress } from "./engine.ts";
import { formatBytes, formatMs } from "./format.ts";

/** Progress as a sentence, and as a share from 0 to 1 (undefined while nobody can tell). */
export function describeProgress({ phase, step, total, detail = "", stepMs }: Progress): {
  readonly text: string;
  readonly share: number | undefined;
} {
  const share = total > 0 ? step / total : undefined;
  switch (phase) {
    case "load": {
      const what = detail.replaceAll("_", " ");
      if (total === 0) return { text: "Starting", share };
      const count = what.endsWith("weights") ? `${formatBytes(step)} of ${formatBytes(total)}` : `${step} of ${total}`;
      return { text: `Loading ${what}: ${count}`, share };
    }
    case "encode":
      return { text: "Reading the prompt", share: 0 };
    case "sample": {
      const pace = stepMs === undefined ? "" : `, ${formatMs(stepMs)} per step`;
      const what = detail === "recording" ? "Recording the picture as it is: step" : "Step";
      return { text: `${what} ${step} of ${total}${pace}`, share };
    }
    case "measure":
      return { text: `Measuring ${detail}`, share };
    case "decode":
      return { text: "Decoding the picture", share: 1 };
  }
}
