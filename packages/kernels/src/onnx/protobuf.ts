/** A message of Protocol Buffers under construction, in the wire format: as much of it as ONNX needs. */
export class Message {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  /** A varint: whole numbers, negative ones as 64 bits. */
  int(field: number, value: number): this {
    return this.#push(Uint8Array.of(...varint(8 * field), ...varint(value)));
  }

  float(field: number, value: number): this {
    return this.#push(Uint8Array.of(...varint(8 * field + 5)), new Uint8Array(Float32Array.of(value).buffer));
  }

  /** Text, bytes, or a message that is complete. */
  bytes(field: number, value: string | Uint8Array | Message): this {
    const parts = value instanceof Message ? value.#parts : [typeof value === "string" ? encoder.encode(value) : value];
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    return this.#push(Uint8Array.of(...varint(8 * field + 2), ...varint(length)), ...parts);
  }

  /** Size of the encoded message. */
  get length(): number {
    return this.#length;
  }

  encode(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(this.#length);
    let end = 0;
    for (const part of this.#parts) {
      out.set(part, end);
      end += part.length;
    }
    return out;
  }

  #push(...parts: Uint8Array[]): this {
    for (const part of parts) {
      this.#parts.push(part);
      this.#length += part.length;
    }
    return this;
  }
}

const encoder = new TextEncoder();

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}
