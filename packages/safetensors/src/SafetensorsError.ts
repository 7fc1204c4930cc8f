/** What went wrong, for programs: every error of this package carries one of these. */
export type SafetensorsErrorCode =
  | "HeaderTooSmall"
  | "HeaderTooLarge"
  | "InvalidHeaderLength"
  | "InvalidUtf8"
  | "InvalidJson"
  | "InvalidEntry"
  | "DuplicateKey"
  | "UnknownDtype"
  | "InvalidShape"
  | "Overflow"
  | "InvalidOffsets"
  | "SizeMismatch"
  | "Overlap"
  | "Hole"
  | "TooManyTensors"
  | "NameTooLong"
  | "MetadataNotString"
  | "Truncated"
  | "PickleRefused"
  | "UnknownFormat"
  | "UnsupportedDtype"
  | "OutOfRange"
  | "MissingTensor"
  | "DuplicateTensor"
  | "UnexpectedTensor"
  | "InvalidIndex"
  | "PathTraversal"
  | "MissingShard"
  | "TooManyShards"
  | "Network"
  | "Http"
  | "HtmlResponse"
  | "RangeNotSupported"
  | "InvalidRange"
  | "Changed"
  | "NotFound"
  | "ReadFailed"
  | "WriteFailed"
  | "DiskFull"
  | "Closed";

/** The one error type of this package: a code for programs, a sentence for people, and the numbers in the sentence. */
export class SafetensorsError extends Error {
  override readonly name = "SafetensorsError";
  readonly code: SafetensorsErrorCode;
  /** The tensor concerned, where there is one. */
  readonly tensor: string | undefined;
  /** The numbers of the message by name, such as `{ expected: 16, actual: 12 }`. */
  readonly numbers: Readonly<Record<string, number>>;

  constructor(
    code: SafetensorsErrorCode,
    message: string,
    detail: { tensor?: string; numbers?: Record<string, number>; cause?: unknown } = {},
  ) {
    super(message, "cause" in detail ? { cause: detail.cause } : undefined);
    this.code = code;
    this.tensor = detail.tensor;
    this.numbers = detail.numbers ?? {};
  }
}
