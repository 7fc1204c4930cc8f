import { tuned, Tuning } from "@tessera/kernels";
import { backendNames, chooseBackend, type BackendName, type ChosenBackend } from "@tessera/pipelines";
import { Command, InvalidArgumentError, Option } from "commander";
import { tuningFile } from "./tuningFile.ts";

/** Options that every command takes. */
export interface SharedOptions {
  readonly json: boolean;
  readonly backend: BackendName;
  readonly threads?: number;
  readonly tune: boolean;
}

/** What the process lends to a command. */
export interface Surroundings {
  /** Aborted by Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A command with the options that all share. */
export function command(name: string, description: string, { backend = "auto" as BackendName } = {}): Command {
  return new Command(name)
    .description(description)
    .option("--json", "print the result as JSON", false)
    .addOption(
      new Option("--backend <name>", "what computes").choices(backendNames).default(backend satisfies BackendName),
    )
    .option("--threads <n>", "threads of the wasm backend (default: all processors)", wholeNumber(1))
    .option(
      "--tune",
      `time kernels on this device and take the fastest; times are kept in ${tuningFile().name}`,
      false,
    );
}

/** Opens the backend that the options name; `use` gets it, and it is released afterwards. */
export async function withBackend<T>(
  { backend, threads, tune }: SharedOptions,
  use: (chosen: ChosenBackend) => Promise<T>,
): Promise<T> {
  const chosen = await chooseBackend(backend, { threads });
  try {
    if (!tune) return await use(chosen);
    const warned = new Set<string>(); // each network's compilation says the same again
    const onWarning = (message: string) => {
      if (!warned.has(message)) console.error(`warning: ${message}`);
      warned.add(message);
    };
    const tuning = await Tuning.open(chosen.backend, tuningFile(), { measure: true, onWarning });
    return await use({ ...chosen, backend: tuned(chosen.backend, tuning) });
  } finally {
    await chosen.backend.dispose();
  }
}

/** Reads an option's value as a whole number from `least`. */
export const wholeNumber =
  (least = -Number.MAX_SAFE_INTEGER) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(
      `It must be a whole number${least === -Number.MAX_SAFE_INTEGER ? "" : ` from ${least}`}.`,
    );
  };

/** Reads an option's value as a number from `least` to `most`. */
export const number =
  (least = -Infinity, most = Infinity) =>
  (text: string): number => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= least && value <= most) return value;
    const range = most < Infinity ? ` from ${least} to ${most}` : least > -Infinity ? ` from ${least}` : "";
    throw new InvalidArgumentError(`It must be a number${range}.`);
  };

/** Reads `512` or `512x768` (width × height) as a picture's size. */
export function pictureSize(text: string): { width: number; height: number } {
  const match = /^(\d+)(?:[x×](\d+))?$/.exec(text);
  const [width, height] = [Number(match?.[1]), Number(match?.[2] ?? match?.[1])];
  if (width > 0 && height > 0) return { width, height };
  throw new InvalidArgumentError("It must be a size in pixels: 512, or 512x768 for width × height.");
}

/** An option's name as it is typed. */
export const dashed = (option: string): string => `--${option.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}`;
