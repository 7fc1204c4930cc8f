import { DeviceError, DeviceLostError } from "../graph/errors.ts";
import type { Dtype, Shape, Tensor } from "../graph/tensor.ts";
import { toLogical } from "../plan/layout.ts";
import type { DeviceTensor } from "../plan/program.ts";
import { usage, type DeviceContext } from "./deviceContext.ts";

/** A part of a buffer, in bytes. */
export interface BufferRange {
  readonly buffer: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** A result in a GPU buffer. Small ones have a copy on the host, which outlives the device. */
export class WebgpuTensor implements DeviceTensor {
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly context: DeviceContext;
  readonly #range: BufferRange;
  readonly #isCurrent: () => boolean;
  readonly #copy: ArrayBuffer | undefined;

  /** `isCurrent` tells whether the buffer still holds this result; `copy` is what it held, if that was kept. */
  constructor(
    context: DeviceContext,
    { shape, dtype }: Tensor,
    range: BufferRange,
    isCurrent: () => boolean,
    copy?: ArrayBuffer,
  ) {
    this.context = context;
    this.shape = shape;
    this.dtype = dtype;
    this.#range = range;
    this.#isCurrent = isCurrent;
    this.#copy = copy;
  }

  /** Where it lies, in device order. An error if the program has run again or been disposed. */
  get range(): BufferRange {
    if (!this.#isCurrent())
      throw new DeviceError(
        `webgpu: this result [${this.shape.join(" ")}] is gone, since its program ran again or was disposed. Read results before the next run.`,
      );
    return this.#range;
  }

  /** The numbers of a tensor whose device was lost. */
  rescued(): Float32Array {
    if (!this.#copy)
      throw new DeviceLostError(
        `webgpu: the device was lost, and with it a result [${this.shape.join(" ")}] too large for a copy to be kept. Run the program that made it again.`,
      );
    return this.#logical(this.#copy);
  }

  async read(): Promise<Float32Array> {
    const { context } = this;
    if (context.lost instanceof DeviceLostError) return this.rescued();
    const { range } = this;
    return this.#logical(this.#copy ?? (await this.#fetch(range)));
  }

  async #fetch({ buffer, offset, size }: BufferRange): Promise<ArrayBuffer> {
    const { context } = this;
    const { device } = context;
    let staging: GPUBuffer | undefined;
    try {
      await context.checked(
        "read",
        () => {
          staging = context.createBuffer("staging", size, usage.mapRead | usage.copyDst);
          const encoder = device.createCommandEncoder({ label: "read" });
          encoder.copyBufferToBuffer(buffer, offset, staging, 0, size);
          device.queue.submit([encoder.finish()]);
        },
        size,
      );
      await context.orLost(staging!.mapAsync(usage.mapRead));
      return staging!.getMappedRange().slice(0);
    } finally {
      if (staging) context.destroyBuffer(staging);
    }
  }

  /** Always numbers of the caller's own. */
  #logical(stored: ArrayBuffer): Float32Array {
    const numbers = this.dtype === "i32" ? Float32Array.from(new Int32Array(stored)) : new Float32Array(stored);
    const logical = toLogical(numbers, this.shape);
    return logical.buffer === this.#copy ? logical.slice() : logical;
  }
}
