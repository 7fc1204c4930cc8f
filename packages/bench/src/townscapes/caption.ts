import type { Attributes, Building, Ground, Kind, Sky } from "./attributes.ts";
import { randomStream } from "./randomStream.ts";

export const groundPhrases: Record<Ground, readonly string[]> = {
  grass: ["on grass", "on a green meadow", "in a meadow", "on the grass"],
  snow: ["on snow", "in the snow", "in winter", "on a snowy field"],
  sand: ["on sand", "on the beach", "in the desert", "on a sandy beach"],
  water: ["by the water", "by a lake", "beside a lake", "at the water"],
};
export const skyPhrases: Record<Sky, readonly string[]> = {
  day: ["under a blue sky", "by day", "on a sunny day", "under a clear sky", "in daylight"],
  sunset: ["at sunset", "under an orange sky", "in the evening", "under a sunset sky"],
  night: ["at night", "under a night sky", "under a starry sky", "at midnight"],
};
export const plurals: Record<Kind, string> = {
  house: "houses",
  church: "churches",
  tower: "towers",
  block: "apartment blocks",
};
export const numbers = ["", "a", "two", "three"];

/** "a", "a and b", "a, b and c". */
const listed = (parts: readonly string[]): string =>
  parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;

/** Equal buildings together, in the order of their first appearance. */
function groups(buildings: readonly Building[]): Building[][] {
  const found = new Map<string, Building[]>();
  for (const b of buildings) {
    const key = `${b.kind} ${b.wall} ${b.roof}`;
    found.set(key, [...(found.get(key) ?? []), b]);
  }
  return [...found.values()];
}

/** The caption of scene `seed`, which may leave some of its attributes unsaid (townscapes specification, §6). */
export function caption(seed: number, scene: Attributes): string {
  const random = randomStream(seed, 2);
  const sayRoof = random.chance(0.45);
  const subjects = groups(scene.buildings).map((group) => {
    const [{ kind, wall, roof }, several] = [group[0], group.length > 1];
    const alternative = random.chance(0.25);
    const one = kind === "block" ? "apartment block" : kind;
    const building = several ? "buildings" : "building";
    const noun = kind === "block" && alternative ? building : several ? plurals[kind] : one;
    const colour = wall === "gray" && alternative ? "grey" : wall;
    const withRoof = several ? ` with ${roof} roofs` : ` with a ${roof} roof`;
    return `${numbers[group.length]} ${colour} ${noun}${sayRoof && kind !== "block" ? withRoof : ""}`;
  });
  const sayTrees = random.chance(0.9);
  const bare = random.chance(0.25);
  if (scene.trees > 0 && sayTrees) {
    const kind = scene.tree_kind === "round" && bare ? "" : `${scene.tree_kind} `;
    subjects.push(`${numbers[scene.trees]} ${kind}tree${scene.trees > 1 ? "s" : ""}`);
  }
  const ground = random.pick(groundPhrases[scene.ground]);
  const sky = random.pick(skyPhrases[scene.sky]);
  const middle = random.chance(0.82) ? ` ${ground}` : "";
  const end = random.chance(0.86) ? ` ${sky}` : "";

  const extras: string[] = [];
  if (scene.hills && random.chance(0.5)) extras.push("hills");
  if (scene.clouds > 0 && random.chance(0.5)) extras.push(scene.clouds > 1 ? "clouds" : "a cloud");
  if (scene.light !== "none" && random.chance(0.5)) extras.push(scene.light === "sun" ? "the sun" : `a ${scene.light}`);

  const form = random.index(4);
  const style = ["a picture of ", "a painting of "][random.index(8)] ?? "";
  const what = listed(subjects);
  const also = extras.length ? ` with ${listed(extras)}` : "";
  if (form === 0 && end) return `${sky}, ${what}${middle}${also}`;
  return `${style}${what}${form === 1 ? end + middle : middle + end}${also}`;
}
