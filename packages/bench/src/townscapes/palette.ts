import type { Ground, Roof, Sky, Wall } from "./attributes.ts";
import type { Colour } from "./Canvas.ts";

/** Colours of the townscapes specification, §2. */
export const wallColours: Record<Wall, Colour> = {
  red: [198, 62, 52],
  blue: [72, 112, 190],
  yellow: [236, 198, 84],
  white: [238, 236, 228],
  green: [98, 158, 92],
  brown: [142, 96, 62],
  gray: [146, 148, 154],
  pink: [232, 150, 168],
};

export const roofColours: Record<Roof, Colour> = {
  red: [170, 58, 48],
  blue: [62, 88, 150],
  brown: [112, 72, 48],
  gray: [98, 100, 110],
  green: [66, 112, 78],
  black: [52, 50, 56],
};

export interface SkyColours {
  /** Gradient from the top of the picture to the horizon. */
  readonly top: Colour;
  readonly bottom: Colour;
  /** Multiplies every lit surface. */
  readonly tint: Colour;
  readonly water: Colour;
  readonly hill: Colour;
  readonly cloud: Colour;
  /** Windows with light behind them, and without. */
  readonly lit: Colour;
  readonly dark: Colour;
}

export const skyColours: Record<Sky, SkyColours> = {
  day: {
    top: [84, 150, 226],
    bottom: [196, 226, 246],
    tint: [1, 1, 1],
    water: [58, 122, 180],
    hill: [112, 158, 150],
    cloud: [255, 255, 255],
    lit: [172, 212, 238],
    dark: [70, 84, 110],
  },
  sunset: {
    top: [104, 84, 150],
    bottom: [252, 170, 92],
    tint: [1, 0.88, 0.8],
    water: [120, 92, 128],
    hill: [128, 92, 122],
    cloud: [255, 206, 180],
    lit: [255, 214, 150],
    dark: [70, 84, 110],
  },
  night: {
    top: [12, 16, 44],
    bottom: [48, 60, 108],
    tint: [0.56, 0.58, 0.74],
    water: [18, 28, 66],
    hill: [28, 36, 70],
    cloud: [0, 0, 0], // there are none at night
    lit: [255, 222, 120],
    dark: [30, 36, 60],
  },
};

/** Gradient from the horizon to the bottom of the picture, before the tint. */
export const groundColours: Record<Ground, readonly [Colour, Colour]> = {
  grass: [
    [126, 182, 88],
    [72, 132, 58],
  ],
  snow: [
    [240, 244, 250],
    [206, 218, 234],
  ],
  sand: [
    [236, 212, 156],
    [206, 172, 112],
  ],
  water: [
    [134, 176, 92],
    [96, 142, 68],
  ],
};
