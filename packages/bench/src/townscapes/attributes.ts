import { randomStream } from "./randomStream.ts";

export const skies = ["day", "sunset", "night"] as const;
export const grounds = ["grass", "snow", "sand", "water"] as const;
export const kinds = ["house", "church", "tower", "block"] as const;
export const walls = ["red", "blue", "yellow", "white", "green", "brown", "gray", "pink"] as const;
export const roofs = ["red", "blue", "brown", "gray", "green", "black"] as const;

export type Sky = (typeof skies)[number];
export type Ground = (typeof grounds)[number];
export type Kind = (typeof kinds)[number];
export type Wall = (typeof walls)[number];
export type Roof = (typeof roofs)[number];

export interface Building {
  readonly kind: Kind;
  readonly wall: Wall;
  readonly roof: Roof;
}

/** What a scene shows: all that a caption may speak of and a classifier may look for. */
export interface Attributes {
  readonly sky: Sky;
  readonly ground: Ground;
  readonly hills: boolean;
  /** 0 … 3. */
  readonly clouds: number;
  readonly light: "none" | "sun" | "crescent moon" | "full moon";
  /** 1 … 3, from left to right. */
  readonly buildings: readonly Building[];
  /** 0 … 3. */
  readonly trees: number;
  readonly tree_kind: "pine" | "round";
}

/** What a roof becomes that would have its wall's colour. */
const otherRoof: Partial<Record<Wall, Roof>> = {
  red: "gray",
  blue: "brown",
  brown: "red",
  gray: "blue",
  green: "brown",
};

/** The attributes of scene `seed` (townscapes specification, §3). */
export function attributes(seed: number): Attributes {
  const random = randomStream(seed, 0);
  const sky = skies[random.weighted([4, 3, 3])];
  const ground = grounds[random.weighted([4, 2, 2, 2])];
  const hills = random.chance(0.45);
  const some = random.index(3) + 1;
  const clouds = random.chance(0.45) && sky !== "night" ? some : 0;
  const body = random.chance(0.7);
  const moon = random.chance(0.5) ? "crescent moon" : "full moon";
  const light = !body ? "none" : sky === "night" ? moon : "sun";
  const count = 1 + random.weighted([45, 35, 20]);
  const same = random.chance(0.35);
  const drawn = Array.from({ length: count }, (): Building => {
    const kind = kinds[random.weighted([40, 22, 16, 22])];
    const wall = random.pick(walls);
    const roof = random.pick(roofs);
    return { kind, wall, roof: (roof as string) === wall ? otherRoof[wall]! : roof };
  });
  const trees = random.weighted([30, 28, 26, 16]);
  const tree_kind = random.chance(0.5) ? "pine" : "round";
  return { sky, ground, hills, clouds, light, buildings: drawn.map((b) => (same ? drawn[0] : b)), trees, tree_kind };
}
