import type { Graph } from "@tessera/kernels";
import type { WeightSource } from "@tessera/safetensors";
import type { OpCase } from "./opCases.ts";
import { randomInputs, randomWeights } from "./randomNumbers.ts";

/** A graph with its numbers. */
export interface Subject {
  readonly name: string;
  readonly graph: Graph;
  readonly weights: WeightSource;
  readonly inputs: Readonly<Record<string, Float32Array | Int32Array>>;
  /** How many of the operator stand in a row in `graph`: times are of one. 1 if not given. */
  readonly times?: number;
  /** The graph of one of them, by which its multiply-adds and bytes are counted; `graph` if not given. */
  readonly one?: Graph;
  /** Whether it is one of `sd15Ops` or `smallOps`, which engines without ONNX know by name. */
  readonly isOp: boolean;
}

/** An operator case as a subject, with random numbers. */
export function opSubject({ name, times, build }: OpCase): Subject {
  const graph = build();
  const numbers = { weights: randomWeights(graph, "F32"), inputs: randomInputs(graph) };
  return { name, graph, ...numbers, times, one: build(1), isOp: true };
}
