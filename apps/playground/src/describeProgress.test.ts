import { expect, test } from "vitest";
import { describeProgress } from "./describeProgress.ts";
import type { Progress } from "./engine.ts";

test.each([
  [{ phase: "sample", step: 3, total: 20, stepMs: 250 }, "Step 3 of 20, 250 ms per step", 0.15],
  [{ phase: "sample", step: 3, total: 20, within: 0.5 }, "Step 4 of 20: 50 %", 0.175],
  [{ phase: "sample", step: 0, total: 2, within: 0.5, detail: "recording" }, "Recording the picture as it is: step 1 of 2: 50 %", 0.25], // prettier-ignore
  [{ phase: "sample", step: 1, total: 2, detail: "as a whole" }, "To compare, as a whole: step 1 of 2", 0.5],
  [{ phase: "decode", step: 0, total: 1, within: 0.25 }, "Decoding the picture: 25 %", 0.25],
  [{ phase: "load", step: 3, total: 12, detail: "vae_decoder tuning" }, "Timing kernels, vae decoder: 3 of 12", 0.25],
  [{ phase: "load", step: 0, total: 0 }, "Starting", undefined],
] as const)("%o is %s", (progress, text, share) => {
  expect(describeProgress({ liveBytes: 0, ...progress } as Progress)).toEqual({ text, share });
});
