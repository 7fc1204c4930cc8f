import type { Tensor } from "../graph/tensor.ts";
import type { Backend } from "./backend.ts";
import type { KernelContext } from "./kernel.ts";

/** Where measured choices are kept from one session to the next: a file, say, or a browser's storage. */
export interface TuningStore {
  /** What messages call it, such as a path. */
  readonly name: string;
  /** What was last written; undefined if nothing was. */
  read(): Promise<string | undefined>;
  /** Replaces it, all or nothing. */
  write(text: string): Promise<void>;
}

/** The kernel to take for a node, and the milliseconds that each kernel took that was timed. */
export interface Measured {
  readonly kernel: string;
  readonly ms: Readonly<Record<string, number>>;
}

/** By device, as its backend describes itself, then by node, see `tuningKey`. */
type Devices = Record<string, Record<string, Measured>>;

export interface TuningOptions {
  /** Whether compiling times what was not timed yet; otherwise it only uses what was. */
  readonly measure?: boolean;
  /** Is told why a store is not used, or was not written. What is in it stays as it is. */
  onWarning?(message: string): void;
}

/** Which kernels were measured to be the fastest on a device, by op, shapes and storage. */
export class Tuning {
  readonly measures: boolean;
  readonly #device: string;
  readonly #store: TuningStore | undefined;
  readonly #warn: TuningOptions["onWarning"];
  readonly #known = new Map<string, Measured>();

  private constructor(device: string, store: TuningStore | undefined, { measure = false, onWarning }: TuningOptions) {
    this.measures = measure;
    this.#device = device;
    this.#store = store;
    this.#warn = onWarning;
  }

  /** What a store knows of a backend's device. A store that cannot be read, or holds something else, is not used. */
  static async open(
    { description }: Pick<Backend, "description">,
    store?: TuningStore,
    options: TuningOptions = {},
  ): Promise<Tuning> {
    try {
      const devices = store ? parse(await store.read()) : {};
      const tuning = new Tuning(description, store, options);
      for (const [key, measured] of Object.entries(devices[description] ?? {})) tuning.set(key, measured);
      return tuning;
    } catch (error) {
      options.onWarning?.(
        `${store!.name} is not used for tuning, and left as it is: ${sentence(error)} Delete it to begin anew.`,
      );
      return new Tuning(description, undefined, options);
    }
  }

  /** What was measured for nodes of this key. */
  get(key: string): Measured | undefined {
    return this.#known.get(key);
  }

  set(key: string, measured: Measured): void {
    this.#known.set(key, measured);
  }

  /** Adds what is known to the store, which others may have written to meanwhile. */
  async save(): Promise<void> {
    if (!this.#store || !this.#known.size) return;
    try {
      const devices = parse(await this.#store.read());
      devices[this.#device] = { ...devices[this.#device], ...Object.fromEntries(this.#known) };
      await this.#store.write(`${JSON.stringify({ format, devices }, null, 1)}\n`);
    } catch (error) {
      this.#warn?.(`What was measured is not kept in ${this.#store.name}: ${sentence(error)}`);
    }
  }
}

const sentence = (error: unknown): string => `${(error as Error).message.replace(/\.$/, "")}.`;

/** The backend with measured choices: its plans take them, and `compile` measures what is missing if they ask for it. */
export const tuned = (backend: Backend, tuning: Tuning): Backend =>
  Object.create(backend, { tuning: { value: tuning, enumerable: true } });

/**
 * What choices are kept by: the op, its operands' shapes and where they come from, and its attributes. Epilogues are left
 * out, as they cost every kernel the same.
 */
export function tuningKey({ op, inputs, attrs }: Tensor, { isParam, weightDtype }: KernelContext<unknown>): string {
  const operands = Object.entries(inputs).map(
    ([name, t]) => `${name} ${isParam(t) ? weightDtype(t) : "computed"} ${t.shape.join("x")}`,
  );
  return [op.name, ...operands, JSON.stringify(attrs)].join(", ");
}

/** A store that is an entry of the browser's `localStorage`. */
export const storageEntry = (storage: Pick<Storage, "getItem" | "setItem">, name = "tessera.tuning"): TuningStore => ({
  name,
  read: async () => storage.getItem(name) ?? undefined,
  write: async (text) => storage.setItem(name, text),
});

const format = "tessera tuning 1";

function parse(text: string | undefined): Devices {
  if (!text) return {};
  const value = JSON.parse(text) as { format?: unknown; devices?: unknown } | null;
  if (value?.format !== format) throw new Error(`its format is ${JSON.stringify(value?.format)}, not "${format}"`);
  for (const [device, nodes] of entries(value.devices, "devices"))
    for (const [key, measured] of entries(nodes, device)) {
      const { kernel, ms } = Object.fromEntries(entries(measured, key));
      const isRight = typeof kernel === "string" && entries(ms, key).every(([, time]) => Number.isFinite(time));
      if (!isRight) throw new Error(`${key} is no kernel with times`);
    }
  return value.devices as Devices;
}

function entries(value: unknown, what: string): [string, unknown][] {
  if (typeof value === "object" && value && !Array.isArray(value)) return Object.entries(value);
  throw new Error(`${what} is no object`);
}
