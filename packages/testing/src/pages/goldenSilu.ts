import { compile, Graph, type Shape } from "@tessera/kernels";
import { silu } from "@tessera/kernels/ops";
import { reference } from "@tessera/kernels/reference";
import { toFloat32, urlSource } from "@tessera/safetensors";

interface Recorded {
  readonly name: string;
  readonly inputs: { readonly x: { readonly tensor: string; readonly shape: Shape } };
  readonly outputs: { readonly out: { readonly tensor: string } };
}

/** In a browser: PyTorch's case `name` of a SiLU, read from the fixtures over HTTP, through compiler and backend. */
export default async function goldenSilu(name: string) {
  const { cases } = (await (await fetch("/fixtures/ops.json")).json()) as { cases: Recorded[] };
  const { inputs, outputs } = cases.find((recorded) => recorded.name === name)!;
  const tensors = await urlSource(new URL("/fixtures/ops.safetensors", location.href).href);
  const numbers = async (tensor: string) => toFloat32(await tensors.get(tensor));

  const graph = new Graph();
  graph.output("y", silu(graph.input("x", inputs.x.shape)));
  const program = await compile(graph, reference());
  const { y } = await program.run({ x: await numbers(inputs.x.tensor) });
  return {
    actual: [...(await y.read())],
    expected: [...(await numbers(outputs.out.tensor))],
    isolated: crossOriginIsolated,
    adapter: (await navigator.gpu?.requestAdapter())?.info.architecture,
  };
}
