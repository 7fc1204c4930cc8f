import type { Building, Kind, Sky } from "./attributes.ts";
import { mix, times, type Canvas, type Colour, type Paint, type Point } from "./Canvas.ts";
import { roofColours, skyColours, wallColours } from "./palette.ts";

/** Where a building stands: the middle of its base line, the width of its place, and eight numbers of its own. */
export interface Site {
  readonly cx: number;
  readonly by: number;
  readonly w: number;
  readonly q: readonly number[];
}

/** What the painters of all kinds share: the scene's colours, tinted. */
interface Style {
  readonly sky: Sky;
  readonly wall: Colour;
  readonly roof: Colour;
  readonly door: Colour;
  readonly lit: Colour;
  /** Tints a colour. */
  tinted(colour: Colour): Colour;
}

const wallShade = [1.05, 0.84] as const;
const roofShade = [1.1, 0.82] as const;

/** Paints one building (townscapes specification, §5, Buildings; names of measures are its). */
export function paintBuilding(canvas: Canvas, { kind, wall, roof }: Building, site: Site, sky: Sky): void {
  const { tint, lit } = skyColours[sky];
  const tinted = (colour: Colour) => times(colour, tint);
  const door = tinted(wall === "brown" ? [62, 40, 28] : [96, 62, 40]);
  painters[kind](canvas, site, {
    sky,
    wall: tinted(wallColours[wall]),
    roof: tinted(roofColours[roof]),
    door,
    lit,
    tinted,
  });
}

const painters: Record<Kind, (canvas: Canvas, site: Site, style: Style) => void> = { house, church, tower, block };

/** A pane; with a frame if the frame's colour is given. */
function paintWindow(
  canvas: Canvas,
  x0: number,
  y0: number,
  x1: number,
  y1: number,
  glass: Colour,
  frame?: Colour,
): void {
  if (frame) canvas.rect(x0 - 0.5, y0 - 0.5, x1 + 0.5, y1 + 0.5, { colour: frame, label: "window" });
  canvas.rect(x0, y0, x1, y1, { colour: glass, label: "window", shade: [1.06, 0.92] });
}

/** A rectangle under a disc whose middle is that of its upper side. */
function paintArch(canvas: Canvas, cx: number, top: number, bottom: number, r: number, paint: Paint): void {
  canvas.rect(cx - r, top, cx + r, bottom, paint);
  canvas.ellipse([cx, top], [r, r], paint);
}

function house(canvas: Canvas, { cx, by, w, q }: Site, { wall, roof, door, lit, tinted }: Style): void {
  const bw = w * (0.86 + 0.14 * q[0]);
  const [h, rh] = [bw * (0.5 + 0.14 * q[1]), bw * (0.38 + 0.14 * q[2])];
  const [x0, x1, y0] = [cx - bw / 2, cx + bw / 2, by - h];
  const ov = 0.07 * bw;
  const walls: Paint = { colour: wall, label: "building", shade: wallShade };
  if (q[4] < 0.6) {
    const hx = x0 + bw * (q[4] < 0.3 ? 0.68 : 0.24);
    canvas.rect(hx, y0 - rh * 0.95, hx + bw * 0.11, y0, { ...walls, colour: tinted([150, 84, 66]) });
  }
  canvas.rect(x0, y0, x1, by, walls);
  if (q[3] < 0.4) {
    const [eaves, ridge] = [y0 + 0.4, y0 - rh * 0.85];
    canvas.poly(
      [
        [x0 - ov, eaves],
        [x0 + bw * 0.16, ridge],
        [x1 - bw * 0.16, ridge],
        [x1 + ov, eaves],
      ],
      { colour: roof, label: "roof", shade: roofShade },
    );
  } else {
    canvas.poly(
      [
        [x0, y0],
        [cx, y0 - rh],
        [x1, y0],
      ],
      walls,
    );
    const th = 0.1 * bw + 0.6;
    const beam = (outer: number, inner: number, colour: Colour) =>
      canvas.poly(
        [
          [outer, y0 + 0.6],
          [cx, y0 - rh - th * 0.4],
          [cx, y0 - rh + th],
          [inner, y0 + 0.6 + th * 0.15],
        ],
        { colour, label: "roof" },
      );
    beam(x0 - ov, x0 - ov + th, mix(roof, [255, 255, 255], 0.08));
    beam(x1 + ov, x1 + ov - th, times(roof, 0.85));
    canvas.ellipse([cx, y0 - rh * 0.28], [bw * 0.075, bw * 0.075], { colour: lit, label: "window" });
  }
  const [ww, wh, wy] = [bw * 0.17, h * 0.34, y0 + h * 0.28];
  const dx = q[5] < 0.6 ? cx : x0 + bw * 0.24;
  canvas.rect(dx - ww / 2, by - h * 0.56, dx + ww / 2, by, { colour: door, label: "door", shade: [1.1, 0.9] });
  for (const share of q[5] < 0.6 ? [0.22, 0.78] : [0.54, 0.8]) {
    const x = x0 + bw * share;
    paintWindow(canvas, x - ww / 2, wy, x + ww / 2, wy + wh, lit, tinted([248, 246, 240]));
  }
}

function church(canvas: Canvas, { cx, by, w, q }: Site, { wall, roof, door, lit, tinted }: Style): void {
  const bw = w * (0.92 + 0.08 * q[0]);
  const [h, rh] = [bw * (0.34 + 0.08 * q[1]), bw * 0.26];
  const flip = q[2] < 0.5 ? 1 : -1;
  const [tw, thh, sp] = [bw * 0.27, bw * (0.66 + 0.12 * q[3]), bw * (0.48 + 0.16 * q[4])];
  const X = (share: number) => cx + flip * share * bw;
  const [left, right] = [Math.min(X(-0.3), X(0.5)), Math.max(X(-0.3), X(0.5))];
  canvas.rect(left, by - h, right, by, { colour: wall, label: "building", shade: wallShade });
  canvas.poly(
    [
      [X(-0.36), by - h + 0.3],
      [X(-0.26), by - h - rh],
      [X(0.44), by - h - rh],
      [X(0.54), by - h + 0.3],
    ],
    { colour: roof, label: "roof", shade: roofShade },
  );
  const tx = X(-0.34);
  canvas.rect(tx - tw / 2, by - thh, tx + tw / 2, by, { colour: wall, label: "building", shade: [1.1, 0.9] });
  const spire: Point[] = [
    [tx - tw * 0.6, by - thh + 0.3],
    [tx, by - thh - sp],
    [tx + tw * 0.6, by - thh + 0.3],
  ];
  canvas.poly(spire, { colour: roof, label: "roof", shade: [1.2, 0.78] });
  const gold: Paint = { colour: tinted([250, 224, 130]), label: "roof" };
  const tip = by - thh - sp;
  canvas.rect(tx - 0.35, tip - 2.2, tx + 0.35, tip + 0.6, gold);
  canvas.rect(tx - 1.05, tip - 1.6, tx + 1.05, tip - 0.95, gold);
  const glass: Paint = { colour: lit, label: "window" };
  for (const share of [-0.04, 0.17, 0.38]) paintArch(canvas, X(share), by - h * 0.7, by - h * 0.28, bw * 0.045, glass);
  canvas.ellipse([tx, by - thh * 0.78], [tw * 0.2, tw * 0.2], glass);
  paintArch(canvas, tx, by - h * 0.5, by, tw * 0.24, { colour: door, label: "door" });
}

function tower(canvas: Canvas, { cx, by, w, q }: Site, { wall, roof, door, lit }: Style): void {
  const bw = w * (0.4 + 0.1 * q[0]);
  const [h, rh] = [w * (0.98 + 0.3 * q[1]), w * (0.34 + 0.16 * q[2])];
  const [x0, x1, y0] = [cx - bw / 2, cx + bw / 2, by - h];
  const walls: Paint = { colour: wall, label: "building", shade: [1.12, 0.74] };
  canvas.poly(
    [
      [x0 - bw * 0.06, by],
      [x0 + bw * 0.05, y0],
      [x1 - bw * 0.05, y0],
      [x1 + bw * 0.06, by],
    ],
    walls,
  );
  canvas.rect(x0 - bw * 0.06, y0, x1 + bw * 0.06, y0 + h * 0.1, { ...walls, colour: times(wall, 0.9) });
  const cone: Point[] = [
    [x0 - bw * 0.18, y0 + 0.3],
    [cx, y0 - rh],
    [x1 + bw * 0.18, y0 + 0.3],
  ];
  canvas.poly(cone, { colour: roof, label: "roof", shade: [1.22, 0.74] });
  for (let j = 0; j < 3; j++) {
    const wx = cx + bw * ((j + (q[3] < 0.5 ? 1 : 0)) % 2 ? 0.16 : -0.16);
    const wy = y0 + h * (0.2 + 0.19 * j);
    paintArch(canvas, wx, wy, wy + h * 0.1, bw * 0.09, { colour: lit, label: "window" });
  }
  paintArch(canvas, cx, by - h * 0.15, by, bw * 0.17, { colour: door, label: "door" });
}

function block(canvas: Canvas, { cx, by, w, q }: Site, { sky, wall, lit, tinted }: Style): void {
  const [bw, h] = [w * (0.66 + 0.16 * q[0]), w * (0.94 + 0.36 * q[1])];
  const [x0, x1, y0] = [cx - bw / 2, cx + bw / 2, by - h];
  canvas.rect(x0, y0, x1, by, { colour: wall, label: "building", shade: wallShade });
  canvas.rect(x0 - 0.5, y0 - 1.3, x1 + 0.5, y0, { colour: tinted([92, 94, 102]), label: "roof", shade: roofShade });
  const [columns, rows] = [bw < 12 ? 3 : 4, Math.floor(h / 5)];
  const bits = Math.floor(q[2] * 2 ** 24);
  const [cw, rhh] = [bw / (columns + 0.4), (h - 3.6) / rows];
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < columns; c++) {
      const on = sky === "day" || (bits >> ((r * columns + c) % 24)) & 1;
      const [wx, wy] = [x0 + cw * (0.2 + c + 0.22), y0 + 1.2 + rhh * r];
      paintWindow(canvas, wx, wy, wx + cw * 0.56, wy + rhh * 0.58, on ? lit : skyColours[sky].dark);
    }
  const dw = bw * 0.1;
  canvas.rect(cx - dw, by - 2.8, cx + dw, by, { colour: tinted([70, 60, 60]), label: "door" });
}
