import { attributes, type Attributes, type Building } from "./attributes.ts";
import { Canvas, clamp, f, mix, position, sampling, side, times, type Colour, type Point } from "./Canvas.ts";
import { caption } from "./caption.ts";
import { paintBuilding } from "./paintBuilding.ts";
import { groundColours, skyColours } from "./palette.ts";
import { randomStream, type RandomStream } from "./randomStream.ts";

/** A scene with all that is known of it. */
export interface Townscape {
  readonly seed: number;
  readonly attributes: Attributes;
  readonly caption: string;
  /** [64 64 3], red, green, blue, row by row. */
  readonly image: Uint8Array;
  /** [64 64], indices into `labels`. */
  readonly labels: Uint8Array;
}

/**
 * Scene `seed` of the townscapes data set: 64 × 64 pixels, drawn by a program that depends on nothing but the seed
 * (`fixtures/townscapes/SPEC.md`). Seeds from 1 000 000 on were held out when this repository's checkpoint was trained.
 */
export function townscape(seed: number): Townscape {
  const scene = attributes(seed);
  return { seed, attributes: scene, caption: caption(seed, scene), ...paintScene(scene, randomStream(seed, 1)) };
}

const white: Colour = [255, 255, 255];
const turn = 6.2832;

/** What stands on the ground: `by` is its base line, `clear` how near a tree may come. */
interface Item {
  readonly x: number;
  readonly by: number;
  readonly size: number;
  readonly clear: number;
  readonly building?: Building;
}

/** Geometry of a scene, in painting order (townscapes specification, §5). */
function paintScene(scene: Attributes, random: RandomStream): ReturnType<Canvas["finish"]> {
  const { sky, ground } = scene;
  const { tint } = skyColours[sky];
  const [gt, gb] = groundColours[ground].map((c) => times(c, tint));
  const canvas = new Canvas();
  const horizon = random.range(36, 42);

  paintSky(canvas, scene, random, horizon);
  if (scene.hills) paintHills(canvas, scene, random, horizon);
  gradient(canvas, Math.ceil(horizon * sampling - 0.5), "ground", gt, gb, (y) =>
    clamp(f(f(y - f(horizon)) / f(side - horizon)), 0, 1),
  );
  const shore = horizon + random.range(6, 8.5);
  const lowest = ground === "water" ? shore - 0.8 : 63;
  for (const item of layout(scene, random, horizon, lowest)) {
    const { x, by, size, building } = item;
    const [middle, radii]: [Point, Point] = building
      ? [
          [x + size * 0.06, by],
          [size * (building.kind === "tower" ? 0.34 : 0.52), 1.7],
        ]
      : [
          [x + 0.6, by],
          [size * 0.3, 1.2],
        ];
    canvas.ellipse(middle, radii, { colour: times(gb, 0.45), alpha: 0.45 });
    if (building) paintBuilding(canvas, building, { cx: x, by, w: size, q: Array.from({ length: 8 }, random.u) }, sky);
    else paintTree(canvas, scene, item, random.u());
  }
  if (ground === "water") {
    paintWater(canvas, skyColours[sky].water, shore, random.range(0, turn));
    canvas.rect(0, shore - 0.5, side, shore + 0.25, { colour: times(gb, 0.7), alpha: 0.6 });
  } else
    for (let k = 0; k < 10; k++) {
      const at: Point = [random.range(0, side), random.range(horizon + 9, 63)];
      const colour = ground === "snow" ? times([190, 206, 228], tint) : times(gt, 1.07);
      canvas.ellipse(at, [random.range(1.2, 3), 0.45], { colour, alpha: 0.35 });
    }
  return canvas.finish();
}

/** Paints whole rows from `first` on, each the mix of two colours that `share` gives for its y. */
function gradient(
  canvas: Canvas,
  first: number,
  label: "sky" | "ground",
  from: Colour,
  to: Colour,
  share: (y: number) => number,
): void {
  for (let row = first; row < canvas.samples; row++) {
    const t = share(position(row));
    const colour = from.map((c, i) => f(f(c) * f(1 - t)) + f(f(to[i]) * t)) as unknown as Colour;
    for (let column = 0; column < canvas.samples; column++) {
      canvas.blend(row, column, colour);
      canvas.label(row, column, label);
    }
  }
}

function paintSky(canvas: Canvas, { sky, light, clouds }: Attributes, random: RandomStream, horizon: number): void {
  const { top, bottom, cloud } = skyColours[sky];
  gradient(canvas, 0, "sky", top, bottom, (y) => {
    const t = clamp(f(y / f(horizon)), 0, 1);
    return sky === "sunset" ? f(t ** f(1.3)) : t;
  });
  if (sky === "night")
    for (let k = 14 + random.index(14); k > 0; k--) {
      const at: Point = [random.range(0, side), random.range(0, horizon - 4)];
      const r = random.range(0.35, 0.65);
      canvas.ellipse(at, [r, r], { colour: [255, 250, 226], alpha: random.range(0.55, 1) });
    }
  paintLight(canvas, sky, light, [random.range(7, 57), random.range(6, 13)], random.range(3.6, 5.2), horizon);
  for (let k = 0; k < clouds; k++) {
    const [x, y, s] = [random.range(4, 60), random.range(5, 20), random.range(0.7, 1.3)];
    for (const [ox, oy, rx, ry] of puffs)
      canvas.ellipse([x + ox * s, y + oy * s], [rx * s, ry * s], { colour: cloud, label: "cloud", alpha: 0.82 });
  }
}

const puffs = [
  [-4.2, 0.4, 3.6, 1.9],
  [4.2, 0.5, 3.6, 1.8],
  [0, 0, 4.6, 2.9],
  [-1.8, -1.3, 2.6, 2.1],
  [2.2, -0.9, 2.8, 2],
] as const;

function paintLight(
  canvas: Canvas,
  sky: Attributes["sky"],
  light: Attributes["light"],
  [x, high]: Point,
  r: number,
  horizon: number,
): void {
  const disc = (at: Point, colour: Colour) => canvas.ellipse(at, [r, r], { colour, label: "sun_moon" });
  if (light === "none") return;
  if (light === "sun" && sky === "sunset") {
    const at: Point = [x, horizon - 5 - (13 - high)];
    canvas.glow(at, r * 4.5, [255, 226, 140], 0.75);
    return disc(at, [255, 236, 170]);
  }
  if (light === "sun") {
    canvas.glow([x, high], r * 3.6, [255, 250, 214], 0.7);
    return disc([x, high], [255, 226, 92]);
  }
  canvas.glow([x, high], r * 3.2, [150, 164, 220], 0.55);
  const cut = { at: [x + r * 0.55, high - r * 0.25] as Point, r: r * 0.9 };
  const crescent = light === "crescent moon" ? { cut } : {};
  canvas.ellipse([x, high], [r, r], { colour: [244, 240, 214], label: "sun_moon" }, { light: 0.1, ...crescent });
  if (light === "full moon")
    for (const [ox, oy, size] of [
      [-0.3, -0.1, 0.22],
      [0.25, 0.35, 0.16],
    ])
      canvas.ellipse([x + r * ox, high + r * oy], [r * size, r * size], { colour: [222, 216, 190] });
}

function paintHills(canvas: Canvas, { sky, ground }: Attributes, random: RandomStream, horizon: number): void {
  const { hill, tint } = skyColours[sky];
  const base = ground === "snow" ? mix(hill, times([232, 240, 250], tint), 0.55) : hill;
  for (let j = 0; j < 2; j++) {
    const height = random.range(4.5, 8) - 2.6 * j;
    const [w1, p1] = [random.range(0.06, 0.11), random.range(0, turn)];
    const [w2, p2] = [random.range(0.16, 0.24), random.range(0, turn)];
    const colour = times(base, 1 - 0.16 * j);
    const wave = (x: number, w: number, p: number) => f(Math.sin(f(f(f(w) * x) + f(p))));
    for (let column = 0; column < canvas.samples; column++) {
      const x = position(column);
      const share = f(f(f(0.55) + f(f(0.3) * wave(x, w1, p1))) + f(f(0.15) * wave(x, w2, p2)));
      const top = f(f(horizon) - f(f(height) * share));
      for (let row = 0; row < canvas.samples; row++)
        if (position(row) >= top && position(row) < f(horizon + 1)) {
          canvas.blend(row, column, colour);
          canvas.label(row, column, "hill");
        }
    }
  }
}

/** How wide the places are, by the number of buildings. */
const places: Record<number, { centres: readonly number[]; width: readonly [number, number]; jitter: number }> = {
  1: { centres: [32], width: [25, 32], jitter: 9 },
  2: { centres: [18, 46], width: [20, 25], jitter: 2.5 },
  3: { centres: [11, 32, 53], width: [15.5, 19.5], jitter: 1.2 },
};

/** Buildings and trees, the farther ones first. */
function layout(scene: Attributes, random: RandomStream, horizon: number, lowest: number): Item[] {
  const { centres, width, jitter } = places[scene.buildings.length];
  const items: Item[] = scene.buildings.map((building, k) => {
    const x = centres[k] + random.range(-jitter, jitter);
    const size = random.range(...width);
    return { x, size, by: Math.min(horizon + random.range(4, 8), lowest), clear: size * 0.46, building };
  });
  for (let k = 0; k < scene.trees; k++) {
    const height = random.range(11, 17);
    const by = Math.min(horizon + random.range(3, 17), lowest);
    let x = random.range(3, 61);
    const blocked = () => items.some((item) => Math.abs(x - item.x) <= item.clear);
    for (let again = 1; again < 6 && blocked(); again++) x = random.range(3, 61);
    items.push({ x, by, size: height * (0.85 + (0.5 * (by - horizon)) / 17), clear: 6 });
  }
  return items.sort((a, b) => a.by - b.by);
}

function paintTree(canvas: Canvas, { sky, ground, tree_kind }: Attributes, { x, by, size: s }: Item, q: number): void {
  const { tint } = skyColours[sky];
  const trunk = { colour: times([104, 72, 46], tint), label: "tree", shade: [1.1, 0.8] } as const;
  canvas.rect(x - 0.07 * s, by - 0.35 * s, x + 0.07 * s, by, trunk);
  const green = tree_kind === "pine" ? mix([34, 92, 62], [52, 112, 60], q) : mix([72, 138, 58], [126, 160, 56], q);
  const foliage = times(ground === "snow" ? mix(green, white, 0.22) : green, tint);
  if (tree_kind === "pine")
    for (let j = 0; j < 3; j++) {
      const half = s * (0.36 - 0.08 * j);
      const [bottom, top] = [by - s * (0.2 + 0.27 * j), by - s * (0.62 + 0.25 * j)];
      const corners: Point[] = [
        [x - half, bottom],
        [x, top],
        [x + half, bottom],
      ];
      canvas.poly(corners, { colour: times(foliage, 0.88 + 0.12 * j), label: "tree", shade: [1.25, 0.72] });
    }
  else
    for (const [ox, oy, r] of [
      [-0.19, -0.5, 0.24],
      [0.19, -0.5, 0.24],
      [0, -0.7, 0.3],
    ])
      canvas.ellipse([x + ox * s, by + oy * s], [r * s, r * s], { colour: foliage, label: "tree" }, { light: 0.32 });
}

/** Half to the even neighbour, as `rint`. */
function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low & 1) : Math.round(x);
}

/** Mirrors what is above the shore in water with waves. */
function paintWater(canvas: Canvas, water: Colour, shore: number, phase: number): void {
  const first = Math.ceil(sampling * shore - 0.5);
  for (let row = first; row < canvas.samples; row++) {
    const y = position(row);
    const depth = f(y - f(shore));
    const swell = f(Math.sin(f(f(f(2.4) * y) + f(phase))));
    const shift = roundHalfEven(f(f(sampling * f(f(0.25) + f(f(0.05) * depth))) * swell));
    const k = clamp(f(f(0.42) + f(f(0.012) * depth)), 0, f(0.8));
    const glitter = f(1 + f(f(0.07) * f(Math.sin(f(f(f(3.1) * y) + f(2 * phase))))));
    const source = clamp(2 * first - 1 - row, 0, canvas.samples - 1);
    for (let column = 0; column < canvas.samples; column++) {
      const from = 3 * (source * canvas.samples + clamp(column + shift, 0, canvas.samples - 1));
      const mixed = water.map((c, i) => f(canvas.colours[from + i] * f(1 - k)) + f(f(f(c) * glitter) * k));
      canvas.blend(row, column, mixed as unknown as Colour);
      canvas.label(row, column, "water");
    }
  }
}
