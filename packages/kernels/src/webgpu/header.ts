import { parseSignature } from "../graph/signature.ts";
import type { Expr } from "../graph/expr.ts";
import type { Shape, Tensor } from "../graph/tensor.ts";
import { operandStrides, physicalOrder, physicalStrides } from "../plan/layout.ts";
import { erf, exprToWgsl } from "./exprToWgsl.ts";
import { offset, operandOffset } from "./offset.ts";
import type { WgslPacking } from "./packings.ts";
import { literal, wgsl } from "./wgsl.ts";

export interface Header {
  readonly text: string;
  /** For each binding, the operand that it reads; the last is the result. */
  readonly bindings: readonly string[];
}

export interface HeaderRequest {
  readonly packings: Readonly<Record<string, WgslPacking>>;
  /** Operands, or `y`, that the body reads or writes four at a time, at multiples of four. */
  readonly wide: readonly string[];
  readonly workgroups: readonly [number, number];
  /** Rows of the grid that other launches do before. */
  readonly firstRow?: number;
  /** Which operands and scratch it reads, if not just all operands. Scratch is bound as vectors of four f32. */
  readonly reads?: readonly string[];
  /** What it writes: `y`, with the epilogue, or scratch. */
  readonly writes?: string;
}

interface Binding {
  readonly operand: string;
  readonly dtype: "f32" | "f16" | "i32";
  wide: boolean;
}

/**
 * What every shader opens with:
 * - a const for each size (by the letters of the op's signature) and each attribute;
 * - `workgroup_index(id)`: the number of a workgroup, whatever grid it was launched in;
 * - for each operand x: `x_at(i)`, by place in memory (`x_at4` if wide), and `read_x(…)`, by logical position, where the
 *   operand is stored in device order. A `..b` pack is one position, row-major;
 * - `write_y(…, value)` by logical position (`write4_y` if wide, four neighbours in memory): the node's epilogue applied.
 * A pointwise node has `value_at(i)` (`value_at4`) instead: the expression for the result stored at i.
 * Scratch v is `v_at(i)` and `v_at4(i)` where it is read, and the array of vectors `v_data` where it is written.
 */
export function header(node: Tensor, request: HeaderRequest): Header {
  const { packings, wide, workgroups, firstRow, reads: read = Object.keys(node.inputs), writes = "y" } = request;
  const bindings = new Map<string, Binding>();
  const alias = new Map<string, Binding>();
  const bind = (name: string, t: Tensor, isWide: boolean) => {
    const packing = packings[name];
    const key = `${t.id} ${packing?.name ?? "dense"}`;
    const binding = bindings.get(key) ?? { operand: name, dtype: packing?.storage ?? t.dtype, wide: false };
    bindings.set(key, binding);
    binding.wide ||= isWide;
    alias.set(name, binding);
  };

  const isPointwise = node.op.name === "pointwise";
  const writesResult = writes === "y";
  const width = wide.includes("y") ? 4 : 1;
  const last = physicalOrder(node.shape.length).at(-1);
  const epilogue = writesResult ? node.epilogue : undefined;
  const riders = isPointwise ? Object.values(node.inputs) : (epilogue?.operands ?? []);
  const ridersStrides = riders.map((t) => operandStrides(t.shape, node.shape));
  const inner = (k: number) => (last === undefined ? 0 : ridersStrides[k][last]);
  for (const name of isPointwise ? [] : read)
    if (node.inputs[name]) bind(name, node.inputs[name], wide.includes(name));
    else {
      const scratch: Binding = { operand: name, dtype: "f32", wide: true };
      bindings.set(name, scratch);
      alias.set(name, scratch);
    }
  const riderName = (k: number) => (isPointwise ? `x${k}` : `e${k}`);
  riders.forEach((t, k) => bind(riderName(k), t, width === 4 && inner(k) === 1));

  /** The value of rider k for the (first) element that `at` locates in a tensor of the given strides. */
  const rider = (k: number, at: (strides: readonly number[]) => string): string => {
    const [name, place, stride] = [riderName(k), at(ridersStrides[k]), inner(k)];
    if (width === 1) return `${name}_at(${place})`;
    if (stride === 1) return `${name}_at4(${place})`;
    if (stride === 0) return `vec4f(${name}_at(${place}))`;
    return `vec4f(${[0, 1, 2, 3].map((lane) => `${name}_at(${place} + ${lane * stride})`).join(", ")})`;
  };
  const type = width === 4 ? "vec4f" : "f32";
  const suffix = width === 4 ? "4" : "";

  const accessors: string[] = [];
  let expr: Expr | undefined;
  if (isPointwise) {
    expr = node.attrs.expr as Expr;
    const values = riders.map((_, k) => rider(k, (strides) => operandOffset("i", node.shape, strides)));
    accessors.push(wgsl`
      fn value_at${suffix}(i: i32) -> ${type} {
        ${exprToWgsl(expr, values, type)}
      }`);
  } else {
    const { operands, result } = parseSignature(node.op.signature);
    for (const { name, pack, letters } of operands) {
      if (!read.includes(name) || (packings[name] && !packings[name].dense)) continue;
      const { shape, dtype } = node.inputs[name];
      const at = positions(shape, pack, letters);
      accessors.push(wgsl`
        fn read_${name}(${at.parameters}) -> ${dtype} {
          return ${name}_at(${at.offset(physicalStrides(shape))});
        }`);
    }
    const at = positions(node.shape, result.pack, result.letters);
    expr = epilogue?.expr;
    const store = width === 4 ? "y_data[u32(place) >> 2u]" : "y_data[place]";
    if (expr)
      accessors.push(wgsl`
        fn epilogue${suffix}(${at.parameters}, value: ${type}) -> ${type} {
          ${exprToWgsl(expr, ["value", ...riders.map((_, k) => rider(k, at.offset))], type)}
        }`);
    if (writesResult)
      accessors.push(wgsl`
      fn write${suffix}_y(${at.parameters}, value: ${type}) {
        let place = ${at.offset(physicalStrides(node.shape))};
        ${store} = ${expr ? `epilogue${suffix}(${at.names}, value)` : "value"};
      }`);
  }

  const reads = [...bindings.values()];
  const text = [
    ...Object.entries({ ...node.op.dims(node), ...node.attrs }).flatMap(([name, attr]) => constant(name, attr)),
    `const grid_x = ${workgroups[0]}u;`,
    ...reads.map(
      ({ operand, dtype, wide: isWide }, i) =>
        `@group(0) @binding(${i}) var<storage, read> ${operand}_data: array<${elementType(dtype, isWide)}>;`,
    ),
    `@group(0) @binding(${reads.length}) var<storage, read_write> ${writes}_data: array<${writesResult ? type : "vec4f"}>;`,
    ...[...alias].flatMap(([name, binding]) => loads(name, binding)),
    ...(JSON.stringify([expr, node.attrs.expr]).includes(`"erf"`) ? [erf] : []),
    ...accessors,
    `fn workgroup_index(id: vec3u) -> i32 { return i32(${firstRow ? `(id.y + ${firstRow}u)` : "id.y"} * grid_x + id.x); }`,
  ].join("\n");
  return { text, bindings: [...reads.map(({ operand }) => operand), writes] };
}

/** The parameters by which a tensor is addressed, and the place they stand for. */
function positions(shape: Shape, pack: string | undefined, letters: readonly string[]) {
  const lead = shape.length - letters.length;
  const groups = [
    ...(pack ? [{ name: pack, dims: shape.map((_, d) => d).slice(0, lead) }] : []),
    ...letters.map((letter, i) => ({ name: /^\d/.test(letter) ? `p${i}` : letter, dims: [lead + i] })),
  ];
  return {
    names: groups.map(({ name }) => name).join(", "),
    parameters: groups.map(({ name }) => `${name}: i32`).join(", "),
    offset: (strides: readonly number[]) =>
      groups
        .map(({ name, dims }) =>
          offset(
            name,
            dims.map((d) => shape[d]),
            dims.map((d) => strides[d]),
          ),
        )
        .filter((term) => term !== "0")
        .join(" + ") || "0",
  };
}

const elementType = (dtype: Binding["dtype"], wide: boolean): string =>
  ({ f32: wide ? "vec4f" : "f32", f16: wide ? "vec2u" : "u32", i32: "i32" })[dtype];

/** How a name reads its binding: one number at a place, and four from a multiple of four. */
function loads(name: string, { operand, dtype, wide }: Binding): string[] {
  const data = `${operand}_data`;
  const one = {
    i32: `${data}[i]`,
    f32: wide ? `${data}[u32(i) >> 2u][u32(i) & 3u]` : `${data}[i]`,
    f16: wide
      ? `unpack2x16float(${data}[u32(i) >> 2u][(u32(i) >> 1u) & 1u])[u32(i) & 1u]`
      : `unpack2x16float(${data}[u32(i) >> 1u])[u32(i) & 1u]`,
  }[dtype];
  const scalar = `fn ${name}_at(i: i32) -> ${dtype === "i32" ? "i32" : "f32"} { return ${one}; }`;
  if (!wide) return [scalar];
  const four = `${data}[u32(i) >> 2u]`;
  const widened = dtype === "f16" ? `vec4f(unpack2x16float(${four}.x), unpack2x16float(${four}.y))` : four;
  return [scalar, `fn ${name}_at4(i: i32) -> vec4f { return ${widened}; }`];
}

/** Words that WGSL keeps for itself and sizes or attributes could be called; they get a trailing underscore. */
const reserved = new Set([
  "active",
  "case",
  "class",
  "filter",
  "final",
  "from",
  "mod",
  "of",
  "self",
  "shared",
  "target",
]);

function constant(letter: string, value: unknown): string[] {
  const name = reserved.has(letter) ? `${letter}_` : letter;
  if (typeof value === "number") return [`const ${name} = ${literal(value)};`];
  if (typeof value === "boolean") return [`const ${name} = ${value};`];
  if (Array.isArray(value) && value.length) return [`const ${name} = array(${value.map(literal).join(", ")});`];
  return [];
}
