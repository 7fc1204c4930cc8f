/** A piece of WGSL: joins the parts and takes off the indentation they share. */
export function wgsl(parts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  const lines = parts.raw
    .reduce((text, part, i) => {
      const indent = /\n( *)$/.exec(text)?.[1] ?? "";
      return text + String(values[i - 1]).replaceAll("\n", `\n${indent}`) + part;
    })
    .split("\n");
  const depths = lines.filter((line) => line.trim()).map((line) => /^ */.exec(line)![0].length);
  const shared = lines[0].trim() ? 0 : Math.min(...depths);
  return lines
    .map((line) => line.slice(shared).trimEnd())
    .join("\n")
    .trim();
}

export const ceilDiv = (a: number, b: number): number => Math.ceil(a / b);

/** A finite number as a WGSL literal; whole numbers stay abstract integers, which fit i32, u32 and f32 alike. */
export function literal(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`literal: ${value} cannot be written in WGSL.`);
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return String(value + 0);
  return Number.isInteger(value) && Math.abs(value) < 1e21 ? `${value}.0` : String(value);
}
