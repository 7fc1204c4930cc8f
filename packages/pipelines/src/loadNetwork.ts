import {
  compile,
  WeightError,
  type Backend,
  type CompileOptions,
  type Graph,
  type Program,
  type RecordOptions,
} from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";
import { CheckpointError } from "./checkpoint.ts";
import type { LoadWatch } from "./progress.ts";

/** Weights, and the file that they are from, for people. */
export interface WeightsOfFile {
  readonly weights?: WeightSource;
  readonly file?: string;
}

interface NetworkOptions extends WeightsOfFile, LoadWatch, Pick<CompileOptions, "options" | "bound"> {
  /** What progress calls it. */
  readonly name: string;
}

/**
 * Puts a network on a device.
 *
 * @throws {CheckpointError} for weights that do not fit
 */
export async function loadNetwork(
  graph: Graph,
  backend: Backend,
  { name, file, onProgress, ...options }: NetworkOptions,
): Promise<Program> {
  const tell: RecordOptions["onProgress"] = ({ phase, done, total }) =>
    onProgress?.({ phase: "load", step: done, total, detail: `${name} ${phase}` });
  try {
    return await compile(graph, backend, { ...options, onProgress: tell });
  } catch (error) {
    if (!(error instanceof WeightError)) throw error;
    throw new CheckpointError(`${file}: ${error.message}`, { cause: error });
  }
}

/** A network that is put on its device when it is first asked for. */
export function lazyNetwork(make: (watch: LoadWatch) => Promise<Program>) {
  let loading: Promise<Program> | undefined;
  let program: Program | undefined;
  const begin = async (watch: LoadWatch) => (program = await make(watch));
  return {
    load: (watch: LoadWatch = {}): Promise<Program> =>
      (loading ??= begin(watch).catch((error: unknown) => {
        loading = undefined;
        throw error;
      })),
    dispose(): void {
      if (program) return program.dispose();
      loading?.then(
        (late) => late.dispose(),
        () => {},
      );
    },
  };
}
