/**
 * Runs architectures of `tessera inspect` forward on WASM at their real size, with random weights, and prints a row of a
 * Markdown table for each: `node --conditions=source --import tsx scripts/forward.ts ddpm-cifar10 sd15/unet`;
 * after a slash, only that network.
 * Fails where a result is not finite.
 */
import { compile, countMacs, countParameters } from "@tessera/kernels";
import { wasm } from "@tessera/kernels/wasm";
import { architecture, architectures } from "@tessera/models";
import { randomWeights, uniform } from "./randomWeights.ts";

const names = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(architectures);
const backend = await wasm();
const mib = (bytes: number) => `${Math.round(bytes / 2 ** 20)} MiB`;
console.log(`${backend.description}\n`);
console.log("| model | parameters | multiply-adds | weights | activations | one run |");
console.log("| --- | ---: | ---: | ---: | ---: | ---: |");
for (const given of names) {
  const [name, only] = given.split("/");
  const networks = architecture(name);
  if (!networks)
    throw new Error(`There is no architecture ${name}. There are ${Object.keys(architectures).join(", ")}.`);
  for (const [component, network] of Object.entries(networks)) {
    if (only !== undefined && only !== component) continue;
    const graph = network.graph();
    const program = await compile(graph, backend, { weights: randomWeights(graph) });
    const inputs = Object.fromEntries(
      [...graph.inputs].map(([input, t]) => [
        input,
        t.dtype === "i32" ? new Int32Array(t.elements) : uniform(t.elements, t.id, input === "timestep" ? 500 : 0, 1),
      ]),
    );
    const started = performance.now();
    const outputs = await program.run(inputs);
    for (const [output, t] of Object.entries(outputs))
      if (!(await t.read()).every(Number.isFinite)) throw new Error(`${name} ${component}: ${output} is not finite.`);
    const seconds = (performance.now() - started) / 1000;
    const { weightBytes, memory } = program.plan;
    const cells = [
      `${name} ${component}`,
      countParameters(graph).toLocaleString("en-US"),
      `${(countMacs(graph).total / 1e9).toFixed(2)} G`,
      mib(weightBytes),
      mib(memory.bytes),
      `${seconds.toFixed(1)} s`,
    ];
    console.log(`| ${cells.join(" | ")} |`);
    program.dispose();
  }
}
await backend.dispose();
