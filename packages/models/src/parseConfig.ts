import * as v from "valibot";

/** A `config.json` describes a network that this code does not build, or is not well formed. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
}

export const whole = v.pipe(v.number(), v.integer(), v.minValue(1));
/** A field that this implementation knows only one value of; anything else is refused by name. */
export const only = <const T extends string | number | boolean>(value: T) => v.optional(v.literal(value), value);
/** A field of other networks, which must not be set. */
export const absent = v.optional(v.null(), null);

/** Reads the config of `part` by its schema; every field that does not fit is named. */
export function parseConfig<S extends v.GenericSchema>(part: string, schema: S, json: unknown): v.InferOutput<S> {
  const result = v.safeParse(schema, json);
  if (result.success) return result.output;
  const issues = result.issues.map(
    (i) => `${v.getDotPath(i) ?? "file"} is ${i.received}, ${i.expected ? `expected ${i.expected}` : i.message}`,
  );
  throw new ConfigError(`${part} config.json: ${issues.join("; ")}. This network is not one that can be built here.`);
}
