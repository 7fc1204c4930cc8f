import { webgpu } from "@tessera/kernels/webgpu";
import { urlSource } from "@tessera/safetensors";
import { conform, type Conformity } from "../conform.ts";
import { readOperatorCases } from "../readOperatorCases.ts";

/** The device and the cases, made once a page. */
const opened = (async () => {
  const recorded = await (await fetch("/fixtures/ops.json")).json();
  const file = await urlSource(new URL("/fixtures/ops.safetensors", location.href));
  return { backend: await webgpu(), cases: await readOperatorCases(recorded, file) };
})();

/** In a browser: PyTorch's case `name` on WebGPU, with each kernel of each ladder. */
export default async function conformity(name: string): Promise<Conformity & { readonly adapter: string }> {
  const { backend, cases } = await opened;
  const { adapter } = backend.caps;
  return {
    ...(await conform(
      cases.find((golden) => golden.name === name)!,
      backend,
    )),
    adapter,
  };
}
