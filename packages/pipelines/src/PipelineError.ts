/** A pipeline was asked for something that it cannot do. The message says what, with the numbers, and what to do instead. */
export class PipelineError extends Error {
  override readonly name = "PipelineError";
}
