import { grounds, kinds, skies, walls, type Attributes } from "./attributes.ts";

/** What is known of a scene, from its attributes or from a caption. What is absent is not known, and not judged. */
export interface Said {
  readonly sky?: Attributes["sky"];
  readonly ground?: Attributes["ground"];
  readonly buildings: Attributes["buildings"] | readonly Pick<Attributes["buildings"][number], "kind" | "wall">[];
  readonly trees?: number;
}

/** The judgements, by the names of `fixtures/townscapes/quality.json`. */
export const judgements = [
  "sky",
  "ground",
  "nbuild",
  "trees",
  "kind_1",
  "wall_1",
  "kinds_exact",
  "kinds_recall",
  "walls_exact",
  "walls_recall",
] as const;
export type Judgement = (typeof judgements)[number];

/** Where each group of the evaluation network's logits begins and ends. */
const groups = {
  sky: [0, 3],
  ground: [3, 7],
  kinds: [7, 11],
  walls: [11, 19],
  nbuild: [19, 22],
  trees: [22, 26],
} as const;

/**
 * Counts how often the evaluation network finds in a picture what should be there. Sky, ground, number of buildings and
 * of trees: the largest logit. `kind_1` and `wall_1`: the same, for scenes with one building. `*_exact`: a logit is
 * positive exactly for what is there. `*_recall`: how many of the kinds and colours wanted have one. Tallies of parts
 * add up to that of the whole.
 */
export class Tally {
  readonly right: Record<Judgement, number>;
  readonly of: Record<Judgement, number>;

  constructor(counts?: Pick<Tally, "right" | "of">) {
    const zero = () => Object.fromEntries(judgements.map((name) => [name, 0])) as Record<Judgement, number>;
    this.right = { ...zero(), ...counts?.right };
    this.of = { ...zero(), ...counts?.of };
  }

  /** Judges one picture by its 26 logits. */
  add(logits: Float32Array, { sky, ground, buildings, trees }: Said): this {
    if (logits.length !== 26) throw new RangeError(`A picture has 26 logits, got ${logits.length}.`);
    const part = (group: keyof typeof groups) => logits.subarray(...groups[group]);
    const best = (group: keyof typeof groups) => part(group).indexOf(Math.max(...part(group)));
    const count = (name: Judgement, right: number, of = 1) => {
      this.right[name] += right;
      this.of[name] += of;
    };
    if (sky) count("sky", +(skies[best("sky")] === sky));
    if (ground) count("ground", +(grounds[best("ground")] === ground));
    if (trees !== undefined) count("trees", +(best("trees") === trees));
    count("nbuild", +(best("nbuild") + 1 === buildings.length));
    if (buildings.length === 1) {
      count("kind_1", +(kinds[best("kinds")] === buildings[0].kind));
      count("wall_1", +(walls[best("walls")] === buildings[0].wall));
    }
    const presence = <T extends string>(name: "kinds" | "walls", all: readonly T[], wanted: ReadonlySet<T>) => {
      const found = new Set(all.filter((_, i) => part(name)[i] > 0));
      count(`${name}_exact`, +all.every((x) => found.has(x) === wanted.has(x)));
      count(`${name}_recall`, [...wanted].filter((x) => found.has(x)).length, wanted.size);
    };
    presence("kinds", kinds, new Set(buildings.map(({ kind }) => kind)));
    presence("walls", walls, new Set(buildings.map(({ wall }) => wall)));
    return this;
  }

  /** The tally of both together. */
  merge(other: Pick<Tally, "right" | "of">): Tally {
    const sum = new Tally(this);
    for (const name of judgements) {
      sum.right[name] += other.right[name];
      sum.of[name] += other.of[name];
    }
    return sum;
  }

  /** Shares of what was right; NaN where nothing was judged. */
  accuracies(): Record<Judgement, number> {
    return Object.fromEntries(judgements.map((name) => [name, this.right[name] / this.of[name]])) as Record<
      Judgement,
      number
    >;
  }
}
