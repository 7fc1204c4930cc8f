import { DeviceError } from "../graph/errors.ts";
import type { Dtype, Shape, Tensor } from "../graph/tensor.ts";
import { toLogical } from "../plan/layout.ts";
import type { DeviceTensor } from "../plan/program.ts";
import { usage, type DeviceContext } from "./deviceContext.ts";

/** A result in a GPU buffer. */
export class WebgpuTensor implements DeviceTensor {
  readonly shape: Shape;
  readonly dtype: Dtype;
  readonly context: DeviceContext;
  readonly bytes: number;
  readonly #buffer: GPUBuffer;
  readonly #isCurrent: () => boolean;

  /** `isCurrent` tells whether the buffer still holds this result. */
  constructor(context: DeviceContext, { shape, dtype, elements }: Tensor, buffer: GPUBuffer, isCurrent: () => boolean) {
    this.context = context;
    this.shape = shape;
    this.dtype = dtype;
    this.bytes = 4 * elements;
    this.#buffer = buffer;
    this.#isCurrent = isCurrent;
  }

  /** The buffer, in device order. An error if the program has run again or been disposed. */
  get buffer(): GPUBuffer {
    if (!this.#isCurrent())
      throw new DeviceError(
        `webgpu: this result [${this.shape.join(" ")}] is gone, since its program ran again or was disposed. Read results before the next run.`,
      );
    return this.#buffer;
  }

  async read(): Promise<Float32Array> {
    const { context, bytes } = this;
    const { device } = context;
    const source = this.buffer;
    let staging: GPUBuffer | undefined;
    try {
      await context.checked(
        "read",
        () => {
          staging = context.createBuffer("staging", bytes, usage.mapRead | usage.copyDst);
          const encoder = device.createCommandEncoder({ label: "read" });
          encoder.copyBufferToBuffer(source, 0, staging, 0, bytes);
          device.queue.submit([encoder.finish()]);
        },
        bytes,
      );
      await context.orLost(staging!.mapAsync(usage.mapRead));
      const stored = staging!.getMappedRange().slice(0);
      const numbers = this.dtype === "i32" ? Float32Array.from(new Int32Array(stored)) : new Float32Array(stored);
      return toLogical(numbers, this.shape);
    } finally {
      if (staging) context.destroyBuffer(staging);
    }
  }
}
