import type { TensorInfo, WeightSource } from "@tessera/safetensors";
import type { Graph } from "../graph/graph.ts";
import type { Shape } from "../graph/tensor.ts";

/** Parameters and checkpoint do not agree; every difference is listed. */
export class WeightError extends Error {
  override readonly name = "WeightError";
  readonly missing: readonly string[];
  readonly misshapen: readonly { name: string; expected: Shape; found: Shape }[];
  readonly unexpected: readonly string[];
  constructor(message: string, differences: Pick<WeightError, "missing" | "misshapen" | "unexpected">) {
    super(message);
    this.missing = differences.missing;
    this.misshapen = differences.misshapen;
    this.unexpected = differences.unexpected;
  }
}

/**
 * Compares the graph's manifest with a checkpoint's header, before a byte of data is read, and reports all differences
 * at once. Trailing sizes of 1 do not count: a 1×1 convolution is a matrix. Unexpected names alone are no error; they
 * are returned.
 */
export function bind(graph: Graph, source: WeightSource): { readonly unexpected: readonly string[] } {
  const missing: string[] = [];
  const misshapen: { name: string; expected: Shape; found: Shape }[] = [];
  const names = [...source.names()];
  for (const [name, { shape }] of graph.params) {
    const found: TensorInfo | undefined = source.info(name);
    if (!found) missing.push(name);
    else if (squeezed(found.shape) !== squeezed(shape)) misshapen.push({ name, expected: shape, found: found.shape });
  }
  const unexpected = names.filter((name) => !graph.params.has(name));
  if (!missing.length && !misshapen.length) return { unexpected };
  const lines = [
    ...missing.map((name) => {
      const near = nearestName(name, unexpected);
      return `missing ${name} [${graph.params.get(name)!.shape.join(" ")}]${near ? ` (nearest: ${near})` : ""}`;
    }),
    ...misshapen.map(
      ({ name, expected, found }) => `${name} has shape [${found.join(" ")}], expected [${expected.join(" ")}]`,
    ),
  ];
  const shown = lines.slice(0, 12).join("; ") + (lines.length > 12 ? `; and ${lines.length - 12} more` : "");
  throw new WeightError(
    `The checkpoint does not fit the model: ${missing.length} of ${graph.params.size} parameters missing, ${misshapen.length} misshapen, ${unexpected.length} unexpected. ${shown}. Check that the files and config.json belong together.`,
    { missing, misshapen, unexpected },
  );
}

const squeezed = (shape: Shape): string => shape.join(" ").replace(/( 1)+$/, "");

/** The unused name that shares the longest ending with `name`. */
function nearestName(name: string, candidates: readonly string[]): string | undefined {
  let best: string | undefined;
  let length = Math.floor(name.length / 2);
  for (const other of candidates) {
    let common = 0;
    while (common < Math.min(name.length, other.length) && name.at(-1 - common) === other.at(-1 - common)) common++;
    if (common > length) [best, length] = [other, common];
  }
  return best;
}
