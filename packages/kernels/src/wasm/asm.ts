/** A typed assembler for WebAssembly: expressions are trees of typed values, functions are lists of statements. */
export type Type = "i32" | "f32" | "f64" | "v128";

const typeCode: Record<Type, number> = { i32: 0x7f, f32: 0x7d, f64: 0x7c, v128: 0x7b };

/** Code that leaves one value of type T. A value used twice is computed twice: `fn.let` keeps it in a local. */
export interface Value<T extends Type = Type> {
  readonly type: T;
  /** Mnemonic with immediates, for the text form. */
  readonly text: string;
  readonly code: readonly number[];
  readonly args: readonly Value[];
  /** The number, if it is an i32 constant. */
  readonly constant?: number;
}

export interface Local<T extends Type = Type> extends Value<T> {
  readonly index: number;
}

/** An i32: an address, a count, or a constant given as a number. */
export type I32 = Value<"i32"> | number;
export type F32 = Value<"f32">;
export type F64 = Value<"f64">;
export type V128 = Value<"v128">;

type Statement =
  | { readonly kind: "do"; readonly text: string; readonly code: readonly number[]; readonly args: readonly Value[] }
  | { readonly kind: "loop"; readonly body: readonly Statement[]; readonly again: Value<"i32"> }
  | {
      readonly kind: "if";
      readonly test: Value<"i32">;
      readonly then: readonly Statement[];
      readonly otherwise: readonly Statement[];
    };

/** Unsigned LEB128. */
export function leb(n: number): number[] {
  const bytes: number[] = [];
  for (n >>>= 0; n > 0x7f; n >>>= 7) bytes.push((n & 0x7f) | 0x80);
  return [...bytes, n];
}

function signedLeb(n: number): number[] {
  const bytes: number[] = [];
  for (n |= 0; n < -64 || n > 63; n >>= 7) bytes.push((n & 0x7f) | 0x80);
  return [...bytes, n & 0x7f];
}

/** One instruction on its operands. */
export const instruction = <T extends Type>(
  type: T,
  text: string,
  code: readonly number[],
  ...args: Value[]
): Value<T> => ({
  type,
  text,
  code,
  args,
});

/** An i32 as a value. */
export const int = (n: I32): Value<"i32"> =>
  typeof n === "number" ? { ...instruction("i32", `i32.const ${n | 0}`, [0x41, ...signedLeb(n)]), constant: n | 0 } : n;

/** A function under construction. Statements are appended in the order of the calls. */
export class Fn {
  readonly name: string;
  /** Whether it may use relaxed SIMD, and whether matrix products gain by that. */
  readonly relaxed: boolean;
  readonly relaxedProducts: boolean;
  readonly params: readonly Local<"i32">[];
  readonly #locals: Type[] = [];
  readonly #names: string[] = [];
  #body: Statement[] = [];

  constructor(name: string, params: readonly string[], relaxed = false, relaxedProducts = relaxed) {
    this.name = name;
    this.relaxed = relaxed;
    this.relaxedProducts = relaxedProducts;
    this.params = params.map((param) => this.local("i32", param));
  }

  /** A variable, zero at first. `name` is for readers of the text form. */
  local<T extends Type>(type: T, name = "t"): Local<T> {
    const index = this.#locals.push(type) - 1;
    const unique = this.#names.includes(name) ? `${name}${index}` : name;
    this.#names.push(unique);
    return { ...instruction(type, `local.get $${unique}`, [0x20, ...leb(index)]), index };
  }

  /** Computes a value once, here. */
  let<T extends Type>(value: Value<T>, name?: string): Local<T> {
    const local = this.local(value.type, name);
    this.set(local, value);
    return local;
  }

  set<T extends Type>(local: Local<T>, value: Value<T>): void {
    this.#do(`local.set $${this.#names[local.index]}`, [0x21, ...leb(local.index)], value);
  }

  /** Stores a value of any type at `address + offset`. */
  store(address: I32, value: Value, offset = 0): void {
    const code = { i32: [0x36], f32: [0x38], f64: [0x39], v128: [0xfd, 11] }[value.type];
    this.#do(`${value.type}.store${at(offset)}`, [...code, 2, ...leb(offset)], int(address), value);
  }

  /** Stores one 32-bit lane. */
  storeLane(address: I32, value: V128, lane: number, offset = 0): void {
    this.#do(`v128.store32_lane${at(offset)} ${lane}`, [0xfd, 0x5a, 2, ...leb(offset), lane], int(address), value);
  }

  /** Sets `bytes` bytes to zero. */
  clear(address: I32, bytes: I32): void {
    this.#do("memory.fill", [0xfc, 11, 0], int(address), int(0), int(bytes));
  }

  /** Computes a value for nothing but what computing it does: a load brings its cache line. */
  drop(value: Value): void {
    this.#do("drop", [0x1a], value);
  }

  trap(): void {
    this.#do("unreachable", [0x00]);
  }

  /** Runs the body, and again while the value it returns is not zero. */
  loop(body: () => Value<"i32">): void {
    let again!: Value<"i32">;
    const statements = this.#collect(() => void (again = body()));
    this.#body.push({ kind: "loop", body: statements, again });
  }

  when(test: Value<"i32">, then: () => void, otherwise: () => void = () => {}): void {
    this.#body.push({ kind: "if", test, then: this.#collect(then), otherwise: this.#collect(otherwise) });
  }

  /** `for (i = from; i < to; i += step)`, signed. No loop is made where the bounds say that there is none. */
  range(from: I32, to: I32, step: number, body: (i: Value<"i32">) => void, name = "i"): void {
    const [first, last] = [int(from).constant, int(to).constant];
    const fixed = first !== undefined && last !== undefined;
    if (fixed && first >= last) return;
    if (fixed && first + step >= last) return body(int(first));
    const i = this.let(int(from), name);
    const below = (n: Value<"i32">) => instruction("i32", "i32.lt_s", [0x48], n, int(to));
    const walk = () =>
      this.loop(() => {
        body(i);
        this.set(i, instruction("i32", "i32.add", [0x6a], i, int(step)));
        return below(i);
      });
    if (fixed) walk();
    else this.when(below(i), walk);
  }

  /**
   * Bodies that do not depend on one another, a statement of each in turn: what one waits for takes no time while the
   * others go on.
   */
  interleave(count: number, body: (k: number) => void): void {
    const bodies = Array.from({ length: count }, (_, k) => this.#collect(() => body(k)));
    for (let i = 0; bodies.some((statements) => i < statements.length); i++)
      this.#body.push(...bodies.flatMap((statements) => statements.slice(i, i + 1)));
  }

  #do(text: string, code: readonly number[], ...args: Value[]): void {
    this.#body.push({ kind: "do", text, code, args });
  }

  #collect(body: () => void): Statement[] {
    const outer = this.#body;
    this.#body = [];
    body();
    const inner = this.#body;
    this.#body = outer;
    return inner;
  }

  /**
   * The body of the function in the binary format. Vector constants are set at its beginning: newer V8 (13.6 does) would make
   * them anew at each use, in loops as well. Zero takes it one instruction, and no register meanwhile.
   */
  encode(): number[] {
    const out: number[] = [];
    const constants = new Map<string, { index: number; code: readonly number[] }>();
    const value = ({ args, code, text }: Value): void => {
      args.forEach(value);
      const isConstant = text.startsWith("v128.const") && code.slice(2).some((byte) => byte !== 0);
      if (isConstant && !constants.has(text))
        constants.set(text, { index: this.#locals.length + constants.size, code });
      for (const byte of isConstant ? [0x20, ...leb(constants.get(text)!.index)] : code) out.push(byte);
    };
    const statement = (s: Statement): void => {
      if (s.kind === "do") {
        s.args.forEach(value);
        for (const byte of s.code) out.push(byte);
      } else if (s.kind === "loop") {
        out.push(0x03, 0x40);
        s.body.forEach(statement);
        value(s.again);
        out.push(0x0d, 0, 0x0b);
      } else {
        value(s.test);
        out.push(0x04, 0x40);
        s.then.forEach(statement);
        if (s.otherwise.length) out.push(0x05);
        s.otherwise.forEach(statement);
        out.push(0x0b);
      }
    };
    this.#body.forEach(statement);
    const set = [...constants.values()].flatMap(({ index, code }) => [...code, 0x21, ...leb(index)]);
    const types = [...this.#locals.slice(this.params.length), ...Array<Type>(constants.size).fill("v128")];
    return [...leb(types.length), ...types.flatMap((type) => [1, typeCode[type]]), ...set, ...out, 0x0b];
  }

  /** The function in the text format, expressions folded; constants stand where they are used. */
  print(): string {
    const value = ({ text, args }: Value): string => `(${[text, ...args.map(value)].join(" ")})`;
    const statement =
      (indent: string) =>
      (s: Statement): string => {
        const inner = (body: readonly Statement[]) => body.map(statement(`${indent}  `)).join("");
        if (s.kind === "do") return `${indent}(${[s.text, ...s.args.map(value)].join(" ")})\n`;
        if (s.kind === "loop") return `${indent}(loop\n${inner(s.body)}${indent}  (br_if 0 ${value(s.again)}))\n`;
        const otherwise = s.otherwise.length ? `${indent}else\n${inner(s.otherwise)}` : "";
        return `${indent}(if ${value(s.test)} then\n${inner(s.then)}${otherwise}${indent})\n`;
      };
    const params = this.params.map((p) => ` (param $${this.#names[p.index]} i32)`).join("");
    return `(func $${this.name}${params}\n${this.#body.map(statement("  ")).join("")})`;
  }
}

const at = (offset: number) => (offset ? ` offset=${offset}` : "");

/** Memory as a module imports it: `env.memory`. */
export interface MemoryImport {
  readonly maximumPages: number;
  readonly shared: boolean;
}

/** A module with one imported memory that exports every function under its name. All parameters are i32. */
export function encodeModule(functions: readonly Fn[], memory: MemoryImport): Uint8Array<ArrayBuffer> {
  const text = (s: string) => [...leb(s.length), ...[...s].map((c) => c.charCodeAt(0))];
  const vector = (items: readonly number[][]) => [...leb(items.length), ...items.flat()];
  const arities = [...new Set(functions.map((f) => f.params.length))];
  const sections: [number, number[]][] = [
    [1, vector(arities.map((n) => [0x60, ...leb(n), ...Array<number>(n).fill(typeCode.i32), 0]))],
    [2, vector([[...text("env"), ...text("memory"), 2, memory.shared ? 3 : 1, 1, ...leb(memory.maximumPages)]])],
    [3, vector(functions.map((f) => leb(arities.indexOf(f.params.length))))],
    [7, vector(functions.map((f, i) => [...text(f.name), 0, ...leb(i)]))],
  ];
  const parts: (readonly number[])[] = [[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]];
  for (const [id, body] of sections) parts.push([id, ...leb(body.length)], body);
  const bodies = functions.map((f) => f.encode()).flatMap((body) => [leb(body.length), body]);
  const count = leb(functions.length);
  parts.push([10, ...leb(bodies.reduce((sum, b) => sum + b.length, count.length))], count, ...bodies);
  const module = new Uint8Array(parts.reduce((sum, p) => sum + p.length, 0));
  let end = 0;
  for (const part of parts) {
    module.set(part, end);
    end += part.length;
  }
  return module;
}
