import { ShapeError } from "./errors.ts";
import type { Dims } from "./op.ts";
import { product, type Dtype, type Shape } from "./tensor.ts";

interface Operand {
  readonly name: string;
  readonly dtype: Dtype;
  /** The `..b` at the front, which stands for any number of sizes. */
  readonly pack: string | undefined;
  readonly letters: readonly string[];
}

/** A parsed signature: operands and result. */
export interface Signature {
  readonly text: string;
  readonly operands: readonly Operand[];
  readonly result: Operand;
}

/** Parses `"x[..b k] weight[o k] -> y[..b o]"`; `ids:i32[n t]` marks integers. */
export function parseSignature(text: string): Signature {
  const [left = "", right = ""] = text.split("->");
  const parse = (part: string): Operand[] =>
    [...part.matchAll(/(\w+)(?::(f32|i32))?\[([^\]]*)\]/g)].map(([, name, dtype = "f32", inside]) => {
      const letters = inside.split(/\s+/).filter(Boolean);
      const pack = letters[0]?.startsWith("..") ? letters.shift()!.slice(2) : undefined;
      return { name: name, dtype: dtype as Dtype, pack, letters };
    });
  const operands = parse(left);
  const [result] = parse(right);
  if (!operands.length || !result) throw new Error(`parseSignature: "${text}" is not of the form "x[n c] -> y[n c]".`);
  return { text, operands, result };
}

export interface Unified {
  /** Sizes by letter; a pack is its product. */
  readonly dims: Record<string, number>;
  readonly packs: Record<string, Shape>;
}

/** Binds the letters of a signature to the operands' sizes, or explains the first mismatch. */
export function unify(
  { text, operands }: Signature,
  shapes: Readonly<Record<string, { shape: Shape; dtype: Dtype } | undefined>>,
  where: string,
): Unified {
  const dims: Record<string, number> = {};
  const packs: Record<string, Shape> = {};
  const fail = (what: string): never => {
    throw new ShapeError(`${where}: ${what} (${describeOperands(shapes)}). Signature: ${text}.`);
  };
  for (const name of Object.keys(shapes))
    if (!operands.some((o) => o.name === name)) fail(`there is no operand called ${name}`);
  const boundBy: Record<string, string> = {};
  for (const { name, dtype, pack, letters } of operands) {
    const given = shapes[name];
    if (!given) return fail(`operand ${name} is missing`);
    if (given.dtype !== dtype) fail(`${name} is ${given.dtype}, expected ${dtype}`);
    const lead = given.shape.length - letters.length;
    if (pack ? lead < 0 : lead !== 0)
      fail(`${name} has rank ${given.shape.length}, expected ${pack ? "at least " : ""}${letters.length}`);
    if (pack) {
      const sizes = given.shape.slice(0, lead);
      if (packs[pack] && packs[pack].join() !== sizes.join())
        fail(`..${pack} is [${sizes.join(" ")}] in ${name} but [${packs[pack].join(" ")}] in ${boundBy[pack]}`);
      packs[pack] = sizes;
      dims[pack] = product(sizes);
      boundBy[pack] ??= name;
    }
    letters.forEach((letter, i) => {
      const size = given.shape[lead + i];
      if (/^\d+$/.test(letter)) {
        if (size !== Number(letter)) fail(`${name} has size ${size} in place ${lead + i}, expected ${letter}`);
        return;
      }
      if (dims[letter] !== undefined && dims[letter] !== size)
        fail(`${letter} is ${size} in ${name} but ${dims[letter]} in ${boundBy[letter]}`);
      dims[letter] = size;
      boundBy[letter] ??= name;
    });
  }
  return { dims, packs };
}

/** The result's shape once every letter is known. */
export function resultShape({ text, result }: Signature, dims: Dims, packs: Readonly<Record<string, Shape>>): Shape {
  return [
    ...(result.pack ? packs[result.pack] : []),
    ...result.letters.map((letter) => {
      const size = /^\d+$/.test(letter) ? Number(letter) : dims[letter];
      if (size === undefined) throw new Error(`signature ${text}: infer() must give ${letter}.`);
      return size;
    }),
  ];
}

/** `x[1 3 8 8], weight[4 2 3 3]` */
export function describeOperands(inputs: Readonly<Record<string, { shape: Shape } | undefined>>): string {
  return Object.entries(inputs)
    .map(([name, t]) => (t ? `${name}[${t.shape.join(" ")}]` : `${name} missing`))
    .join(", ");
}
