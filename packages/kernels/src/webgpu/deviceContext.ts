import { DeviceError, DeviceLostError, KernelError, OutOfMemoryError } from "../graph/errors.ts";
import { WeightStore } from "../plan/weightStore.ts";
import { capsOf, type WebgpuCaps } from "./caps.ts";
import type { DeviceOptions } from "./requestDevice.ts";

/** WebGPU's flags, which Node has no globals for. */
export const usage = { mapRead: 1, copySrc: 4, copyDst: 8, storage: 128 } as const;
const forCompute = 4;

/** A device with its books kept: bytes held, pipelines made, errors caught and turned into ours. */
export class DeviceContext {
  readonly device: GPUDevice;
  readonly caps: WebgpuCaps;
  liveBytes = 0;
  /** Weights of all programs. */
  readonly weights = new WeightStore<GPUBuffer>((buffer) => this.destroyBuffer(buffer));
  /** Why the device cannot be used any more. */
  lost: DeviceError | undefined;
  readonly #loss: Promise<never>;
  #disposed = false;
  #uncaptured: DeviceError | undefined;
  readonly #pipelines = new Map<string, Promise<GPUComputePipeline>>();
  readonly #layouts = new Map<number, GPUBindGroupLayout>();

  constructor(device: GPUDevice, limits: DeviceOptions["limits"]) {
    this.device = device;
    this.caps = { ...capsOf(device), ...limits };
    this.#loss = device.lost.then(({ reason, message }) => {
      const why = `${reason || "unknown"}${message ? `: ${message.trim()}` : ""}`;
      this.lost = this.#disposed
        ? new DeviceError("webgpu: this backend has been disposed.")
        : new DeviceLostError(
            `webgpu: the device was lost (${why}). Make a new backend and compile again; if it recurs, the work may be too large for the driver.`,
          );
      throw this.lost;
    });
    this.#loss.catch(() => {});
    device.addEventListener("uncapturederror", (event) => {
      event.preventDefault();
      this.#uncaptured ??= new DeviceError(`webgpu: ${event.error.message}`);
    });
  }

  /** `promise`, or a DeviceError if the device is lost first. */
  async orLost<T>(promise: Promise<T>): Promise<T> {
    try {
      return await Promise.race([promise, this.#loss]);
    } catch (error) {
      // A dying device rejects what is pending, sometimes before it says that it is lost.
      if (error instanceof DeviceError || error instanceof KernelError) throw error;
      await new Promise((resolve) => setTimeout(resolve, 0));
      throw this.lost ?? new DeviceError(`webgpu: ${(error as Error).message}`, { cause: error });
    }
  }

  /** Rejects if the device is lost, or reported an error that nobody waited for. */
  throwIfBroken(): void {
    if (this.lost) throw this.lost;
    const error = this.#uncaptured;
    this.#uncaptured = undefined;
    if (error) throw error;
  }

  /** Makes device calls and resolves once the device has found nothing wrong with them. */
  async checked<T>(what: string, calls: () => T, wantedBytes = 0): Promise<T> {
    if (this.lost) throw this.lost;
    const filters = ["validation", "internal", "out-of-memory"] as const;
    for (const filter of filters) this.device.pushErrorScope(filter);
    const held = this.liveBytes;
    let result: T;
    let pops: Promise<GPUError | null>[];
    try {
      result = calls();
    } finally {
      pops = filters.map(() => this.device.popErrorScope());
      for (const pop of pops) pop.catch(() => {});
    }
    const [outOfMemory, ...others] = await this.orLost(Promise.all(pops));
    if (outOfMemory)
      throw new OutOfMemoryError(
        `webgpu: ${what}: the device could not give ${wantedBytes} bytes; this backend held ${held}. Use smaller pictures, f16 weights (dtype.weights), or dispose other programs first.`,
        wantedBytes,
        held,
      );
    for (const error of others) if (error) throw new DeviceError(`webgpu: ${what}: ${error.message}`);
    return result;
  }

  createBuffer(label: string, bytes: number, flags: number): GPUBuffer {
    const buffer = this.device.createBuffer({ label, size: bytes, usage: flags });
    this.liveBytes += bytes;
    return buffer;
  }

  destroyBuffer(buffer: GPUBuffer): void {
    this.liveBytes -= buffer.size;
    buffer.destroy();
  }

  /** Group 0 of a shader that reads `reads` buffers and writes one. */
  layout(reads: number): GPUBindGroupLayout {
    let layout = this.#layouts.get(reads);
    if (!layout) {
      const entry = (binding: number): GPUBindGroupLayoutEntry => ({
        binding,
        visibility: forCompute,
        buffer: { type: binding < reads ? "read-only-storage" : "storage" },
      });
      layout = this.device.createBindGroupLayout({ entries: Array.from({ length: reads + 1 }, (_, i) => entry(i)) });
      this.#layouts.set(reads, layout);
    }
    return layout;
  }

  /** The pipeline for a shader; the same code is compiled once. */
  pipeline(name: string, code: string, reads: number): Promise<GPUComputePipeline> {
    let pipeline = this.#pipelines.get(code);
    if (!pipeline) {
      pipeline = this.#compile(name, code, reads);
      this.#pipelines.set(code, pipeline);
      pipeline.catch(() => this.#pipelines.delete(code));
    }
    return pipeline;
  }

  async #compile(name: string, code: string, reads: number): Promise<GPUComputePipeline> {
    const { device } = this;
    if (this.lost) throw this.lost;
    // The compiler's messages say more than the error scope, which only keeps the error from being reported twice.
    device.pushErrorScope("validation");
    const module = device.createShaderModule({ label: name, code });
    const scope = device.popErrorScope();
    const { messages } = await this.orLost(module.getCompilationInfo());
    await this.orLost(scope);
    const error = messages.find(({ type }) => type === "error");
    if (error) throw new KernelError(describe(name, code, error));
    const pipeline = device.createComputePipelineAsync({
      label: name,
      layout: device.createPipelineLayout({ bindGroupLayouts: [this.layout(reads)] }),
      compute: { module, entryPoint: "main" },
    });
    try {
      return await this.orLost(pipeline);
    } catch (cause) {
      throw (
        this.lost ?? new KernelError(`${name}: the device refused the kernel: ${(cause as Error).message}`, { cause })
      );
    }
  }

  /** Destroys the device. */
  destroy(): void {
    this.#disposed = true;
    this.device.destroy();
  }
}

/** A compiler's message with the kernel's name, the place and the line between its neighbours. */
function describe(name: string, code: string, { lineNum, linePos, message }: GPUCompilationMessage): string {
  const lines = code.split("\n");
  const shown = [lineNum - 1, lineNum, lineNum + 1]
    .filter((n) => n >= 1 && n <= lines.length)
    .map((n) => `${n === lineNum ? ">" : " "} ${String(n).padStart(4)} | ${lines[n - 1]}`);
  return `${name}: WGSL line ${lineNum}, column ${linePos}: ${message}\n${shown.join("\n")}`;
}
