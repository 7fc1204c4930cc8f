import { computed, signal, type Signal } from "@preact/signals";
import type { GenerateRequest } from "../../engine.ts";

/** Captions like those that the shipped checkpoint learned from, by short names. */
export const examples = {
  Night: "a red house and two pine trees under a night sky",
  Snow: "a white church with a blue roof on snow at sunset",
  Water: "a yellow tower by the water on a sunny day",
  Meadow: "two green houses in a meadow under a blue sky with clouds",
} as const;

/** Seeds that the dice throws are below this. */
export const seedLimit = 2 ** 32;

/** Fields by their short names in the address, and how they start. Numbers are text while they are being typed. */
const starts = { p: examples.Night as string, n: "", seed: "101", steps: "20", guidance: "6", w: "", h: "" };
type Field = keyof typeof starts;
const fields = Object.keys(starts) as Field[];

/** What the form holds. An empty seed means a new one each time; an empty size, the checkpoint's. */
export class Settings {
  readonly fields = Object.fromEntries(fields.map((name) => [name, signal(starts[name])])) as Record<
    Field,
    Signal<string>
  >;
  /** The settings as an address's fragment. */
  readonly hash = computed(() => {
    const filled = fields.filter((name) => this.fields[name].value !== starts[name]);
    return new URLSearchParams(filled.map((name) => [name, this.fields[name].value])).toString();
  });

  constructor(hash = "") {
    this.read(hash);
  }

  /** Fills the form from an address's fragment, `#p=…&seed=…`; what that leaves out, or gives no number for, starts as usual. */
  read(hash: string): void {
    const given = new URLSearchParams(hash.replace(/^#/, ""));
    for (const name of fields) {
      const value = given.get(name) ?? starts[name];
      const isSound = name === "p" || name === "n" || Number.isFinite(Number(value));
      this.fields[name].value = isSound ? value : starts[name];
    }
  }

  request(): GenerateRequest {
    const { p, n, seed, steps, guidance, w, h } = this.fields;
    return {
      prompt: p.value,
      negativePrompt: n.value,
      seed: seed.value === "" ? randomSeed() : Number(seed.value),
      steps: Number(steps.value),
      guidance: Number(guidance.value),
      ...(w.value !== "" && { width: Number(w.value) }),
      ...(h.value !== "" && { height: Number(h.value) }),
    };
  }
}

/** Uniform in 0 … 2³² − 1. */
export const randomSeed = (): number => crypto.getRandomValues(new Uint32Array(1))[0];
