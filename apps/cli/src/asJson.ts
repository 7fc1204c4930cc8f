/** A result as JSON for programs. Numbers that JSON has no way to write are strings: "Infinity", "-Infinity", "NaN". */
export const asJson = (result: unknown): string => JSON.stringify(result, written, 2);

const written = (_: string, value: unknown): unknown =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;
