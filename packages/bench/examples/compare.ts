import { measureLimits, opSubject, sd15Ops } from "@tessera/bench";
import { compare } from "@tessera/bench/node";
import { wasm } from "@tessera/kernels/wasm";

// One operator of Stable Diffusion 1.5, beside ONNX Runtime if it is installed.
const threads = 1;
const backend = await wasm({ threads });
const limits = await measureLimits(threads);
const subject = opSubject(sd15Ops.find(({ name }) => name.startsWith("layer norm"))!);
const settings = { backend, threads, against: ["onnxruntime-web" as const], repeat: 5, limits };
for await (const { name, engines } of compare([subject], settings))
  for (const { engine, time, ratio, note } of engines)
    console.log(
      name,
      engine,
      time ? `${time.medianMs.toFixed(2)} ± ${time.madMs.toFixed(2)} ms, ${ratio!.toFixed(1)}x` : note,
    );
await backend.dispose();
