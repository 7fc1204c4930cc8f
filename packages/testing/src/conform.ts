import { compile, defaultOptions, passes, without, type Backend, type Options } from "@tessera/kernels";
import { memorySource } from "@tessera/safetensors";
import type { OperatorCase } from "./readOperatorCases.ts";

/** What a backend made of one case. */
export interface Conformity {
  /** Kernels that ran, in f32 and with weights in halves. */
  readonly kernels: readonly string[];
  /** A sentence for each way of running it whose numbers are not PyTorch's. */
  readonly wrong: readonly string[];
}

interface Variant {
  readonly name: string;
  readonly on: Backend;
  readonly options: Options;
}

/** A case as chosen, without passes, and with each kernel of each ladder on all nodes that it accepts. */
function variants({ build }: OperatorCase, backend: Backend): Variant[] {
  const lowered = passes(backend).reduce((graph, pass) => pass.apply(graph), build());
  const forced = [...new Set(lowered.nodes.map((t) => t.op.name))].flatMap((op) => {
    const ladder = backend.ladders[op] ?? [];
    if (ladder.length < 2) return [];
    return ladder.map((kernel) => {
      const first = { ...kernel, recommends: undefined };
      const ladders = { ...backend.ladders, [op]: [first, ...ladder.filter((other) => other !== kernel)] };
      return { name: kernel.name, on: Object.create(backend, { ladders: { value: ladders } }), options: without() };
    });
  });
  const plain = { name: "as written", on: backend, options: without(...Object.keys(defaultOptions.passes)) };
  return [{ name: "as chosen", on: backend, options: without() }, plain, ...forced];
}

/**
 * Runs a recorded case in every way that a backend has, in f32 and with its weights in halves, and compares each result with
 * PyTorch's: within the case's tolerance on reference and wasm, 1e-3 of the largest number on webgpu, 1e-2 in halves.
 */
export async function conform(golden: OperatorCase, backend: Backend): Promise<Conformity> {
  const { build, data, shapes, expected, tolerance, maxAbs } = golden;
  const { params, inputs } = build();
  const bytes = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);
  const weights = memorySource(
    Object.fromEntries(
      [...params.keys()].map((name) => [name, { dtype: "F32", shape: shapes[name], data: bytes(data[name]) }]),
    ),
  );
  const given = Object.fromEntries([...inputs.keys()].map((name) => [name, data[name]]));
  const dtypes = params.size && backend.name !== "reference" ? (["f32", "f16"] as const) : (["f32"] as const);
  const kernels = new Set<string>();
  const wrong: string[] = [];
  for (const { name, on, options } of variants(golden, backend))
    for (const dtype of dtypes) {
      const program = await compile(build(), on, { weights, options: { ...options, dtype: { weights: dtype } } });
      const ran = program.plan.calls.map(({ kernel }) => kernel.name);
      if (name.startsWith("as ") || ran.includes(name)) {
        const result = await (await program.run(given)).out.read();
        for (const kernel of ran) kernels.add(kernel);
        const share = dtype === "f16" ? 1e-2 : backend.name === "webgpu" ? 1e-3 : 0;
        const complaint = compare(result, expected, Math.max(tolerance, share * maxAbs));
        if (complaint) wrong.push(`${name}, ${dtype}: ${complaint}`);
      }
      program.dispose();
    }
  if (backend.liveBytes) wrong.push(`${backend.liveBytes} bytes are still held`);
  return { kernels: [...kernels], wrong };
}

function compare(actual: Float32Array, expected: Float32Array, tolerance: number): string | undefined {
  if (actual.length !== expected.length) return `${actual.length} numbers, expected ${expected.length}`;
  const at = actual.findIndex((value, i) => !(Math.abs(value - expected[i]) <= tolerance));
  return at < 0 ? undefined : `${actual[at]} at ${at}, expected ${expected[at]} within ${tolerance}`;
}
