/** A tensor has the wrong shape, rank or type for where it is used. The message names op, place, numbers and operands. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

/** A kernel cannot be chosen or built for a node. */
export class KernelError extends Error {
  override readonly name = "KernelError";
}

/** A device is missing, lost, out of memory, or used after `dispose`. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
}

/** A device was lost, and with it what was computed there; or was lost again as soon as it had been replaced. */
export class DeviceLostError extends DeviceError {}

/** A device could not give the memory asked for. */
export class OutOfMemoryError extends DeviceError {
  /** Bytes that were asked for. */
  readonly wantedBytes: number;
  /** Bytes that this engine already held. */
  readonly liveBytes: number;
  constructor(message: string, wantedBytes: number, liveBytes: number) {
    super(message);
    this.wantedBytes = wantedBytes;
    this.liveBytes = liveBytes;
  }
}
