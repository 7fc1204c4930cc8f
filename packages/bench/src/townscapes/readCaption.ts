import { kinds, walls, type Kind, type Wall } from "./attributes.ts";
import { groundPhrases, numbers, plurals, skyPhrases } from "./caption.ts";
import type { Said } from "./Tally.ts";

const nouns = new Map<string, Kind>([
  ...kinds.map((kind): [string, Kind] => [kind === "block" ? "apartment block" : kind, kind]),
  ...kinds.map((kind): [string, Kind] => [plurals[kind], kind]),
  ["building", "block"],
  ["buildings", "block"],
]);
const oneOf = (words: Iterable<string>) => `(${[...words].join("|")})`;
const count = oneOf(numbers.filter(Boolean));
const buildingPattern = new RegExp(`\\b${count} ${oneOf([...walls, "grey"])} ${oneOf(nouns.keys())}\\b`, "g");
const treePattern = new RegExp(`\\b${count} (?:pine |round )?trees?\\b`);

/** The key whose phrases, all of them plain words, occur in a text. */
function said<K extends string>(text: string, phrases: Record<K, readonly string[]>): K | undefined {
  const found = (Object.keys(phrases) as K[]).filter((key) => phrases[key].some((p) => ` ${text} `.includes(` ${p} `)));
  return found.length === 1 ? found[0] : undefined;
}

/**
 * What a prompt in the words of the data set's captions asks for: so that a picture made of it can be judged by `Tally`.
 * What it does not say, or says twice, is absent; it always names every building.
 */
export function readCaption(caption: string): Said {
  const text = caption.toLowerCase().replaceAll(/[,.]/g, "");
  const buildings = [...text.matchAll(buildingPattern)].flatMap(([, number, colour, noun]) =>
    Array.from({ length: numbers.indexOf(number) }, () => ({
      kind: nouns.get(noun)!,
      wall: (colour === "grey" ? "gray" : colour) as Wall,
    })),
  );
  const trees = treePattern.exec(text)?.[1];
  return {
    sky: said(text, skyPhrases),
    ground: said(text, groundPhrases),
    buildings,
    trees: trees === undefined ? undefined : numbers.indexOf(trees),
  };
}
