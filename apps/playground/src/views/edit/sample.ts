import type { EditSettings } from "../../editDesk.ts";

export { default as sample } from "./sample.png?no-inline";

/** What it may become. It was made from the same seed, for "a white church with a blue roof on snow at sunset". */
export const sampleSettings: Partial<EditSettings> = {
  prompt: "a white church and a pine tree on snow at sunset",
  seed: 7,
  steps: 20,
  guidance: 6,
};

export const sampleHint = "Paint a green triangle on the snow, beside the church, and let go.";
