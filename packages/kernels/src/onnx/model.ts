import type { Dtype, Shape } from "../graph/tensor.ts";
import { Message } from "./protobuf.ts";

/** Numbers of `TensorProto.DataType` (onnx.proto). */
export const dataType = { f32: 1, i32: 6, i64: 7 } as const satisfies Record<Dtype | "i64", number>;

/** An attribute: whole numbers are INT, `{ float }` is FLOAT, text is STRING, lists are INTS. */
export type OnnxAttribute = number | string | readonly number[] | { readonly float: number };

const attributeType = { float: 1, int: 2, string: 3, ints: 7 };

function attributeProto(name: string, value: OnnxAttribute): Message {
  const proto = new Message().bytes(1, name);
  if (typeof value === "number") return proto.int(3, value).int(20, attributeType.int);
  if (typeof value === "string") return proto.bytes(4, value).int(20, attributeType.string);
  if ("float" in value) return proto.float(2, value.float).int(20, attributeType.float);
  for (const n of value) proto.int(8, n);
  return proto.int(20, attributeType.ints);
}

/** `NodeProto`: one call of an operator. */
export function nodeProto(
  opType: string,
  inputs: readonly string[],
  output: string,
  attributes: Readonly<Record<string, OnnxAttribute>>,
): Message {
  const proto = new Message();
  for (const input of inputs) proto.bytes(1, input);
  proto.bytes(2, output).bytes(3, output).bytes(4, opType);
  for (const [name, value] of Object.entries(attributes)) proto.bytes(5, attributeProto(name, value));
  return proto;
}

/** `ValueInfoProto`: an input or output of the graph. */
export function valueInfoProto(name: string, dtype: Dtype, shape: Shape): Message {
  const dimensions = new Message();
  for (const size of shape) dimensions.bytes(1, new Message().int(1, size));
  const tensor = new Message().int(1, dataType[dtype]).bytes(2, dimensions);
  return new Message().bytes(1, name).bytes(2, new Message().bytes(1, tensor));
}

/** Bytes in another file. */
export interface ExternalData {
  readonly location: string;
  readonly offset: number;
  readonly length: number;
}

/** `TensorProto`: a constant, with its data or a pointer to them. */
export function tensorProto(
  name: string,
  type: keyof typeof dataType,
  shape: Shape,
  data: Uint8Array | ExternalData,
): Message {
  const proto = new Message();
  for (const size of shape) proto.int(1, size);
  proto.int(2, dataType[type]).bytes(8, name);
  if (data instanceof Uint8Array) return proto.bytes(9, data);
  for (const [key, value] of Object.entries(data)) proto.bytes(13, new Message().bytes(1, key).bytes(2, String(value)));
  return proto.int(14, 1);
}

export interface GraphParts {
  readonly name: string;
  readonly nodes: readonly Message[];
  readonly initializers: readonly Message[];
  readonly inputs: readonly Message[];
  readonly outputs: readonly Message[];
}

/** `ModelProto` around a graph. IR version 9 is the one of opset 20 (onnx 1.15). */
export function modelProto({ name, nodes, initializers, inputs, outputs }: GraphParts, opset: number): Message {
  const graph = new Message();
  for (const node of nodes) graph.bytes(1, node);
  graph.bytes(2, name);
  for (const tensor of initializers) graph.bytes(5, tensor);
  for (const value of inputs) graph.bytes(11, value);
  for (const value of outputs) graph.bytes(12, value);
  return new Message().int(1, 9).bytes(2, "tessera").bytes(7, graph).bytes(8, new Message().bytes(1, "").int(2, opset));
}
