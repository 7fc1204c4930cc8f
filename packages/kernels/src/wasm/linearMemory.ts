import { OutOfMemoryError } from "../graph/errors.ts";
import { control } from "./kernel.ts";

const PAGE = 65536;
const ALIGN = 256;
/** Kernels may read a vector that begins at a tensor's last number. */
const SLACK = 16;

/** One growing WebAssembly.Memory, first-fit allocated. */
export class LinearMemory {
  readonly memory: WebAssembly.Memory;
  readonly shared: boolean;
  readonly maximumPages: number;
  /** Taken ranges in address order. */
  readonly #taken: { start: number; end: number }[] = [{ start: 0, end: control.bytes }];

  /** Takes as much address space as the platform gives, up to `pages`. */
  constructor(shared: boolean, pages: number) {
    for (let maximum = pages; ; maximum >>= 1) {
      try {
        this.memory = new WebAssembly.Memory({ initial: 1, maximum, shared });
        this.maximumPages = maximum;
        break;
      } catch (error) {
        if (maximum < 2048) throw error;
      }
    }
    this.shared = shared;
  }

  /** Bytes that are allocated now. */
  get liveBytes(): number {
    return this.#taken.slice(1).reduce((sum, { start, end }) => sum + end - start, 0);
  }

  /** The address of `bytes` bytes. They hold anything. */
  allocate(bytes: number, what: string): number {
    const size = Math.ceil((bytes + SLACK) / ALIGN) * ALIGN;
    let at = 0;
    while (at + 1 < this.#taken.length && this.#taken[at + 1].start - this.#taken[at].end < size) at++;
    const start = this.#taken[at].end;
    const missing = Math.ceil((start + size - this.memory.buffer.byteLength) / PAGE);
    if (missing > 0) this.#grow(missing, bytes, what);
    this.#taken.splice(at + 1, 0, { start, end: start + size });
    return start;
  }

  free(start: number): void {
    this.#taken.splice(
      this.#taken.findIndex((range) => range.start === start),
      1,
    );
  }

  floats(address: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, address, length);
  }

  doubles(address: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, address, length);
  }

  ints(address: number, length: number): Int32Array {
    return new Int32Array(this.memory.buffer, address, length);
  }

  bytes(address: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, address, length);
  }

  #grow(pages: number, wanted: number, what: string): void {
    try {
      this.memory.grow(pages);
    } catch {
      const mib = (bytes: number) => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
      throw new OutOfMemoryError(
        `wasm: ${mib(wanted)} for ${what} do not fit: ${mib(this.liveBytes)} of at most ${mib(this.maximumPages * PAGE)} are in use. Dispose programs that are no longer needed, or keep weights as f16 (options.dtype.weights).`,
        wanted,
        this.liveBytes,
      );
    }
  }
}
