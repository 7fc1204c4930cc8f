import { compile, Graph } from "@tessera/kernels";
import { scale } from "@tessera/kernels/ops";
import { requestDevice, webgpu } from "@tessera/kernels/webgpu";

/** In a browser: x + 1, `depth` times, on a device that is destroyed on the way. The result, and the devices that it took. */
export default async function lostDevice(depth: number): Promise<{ readonly sum: number; readonly devices: number }> {
  const devices: GPUDevice[] = [];
  const backend = await webgpu(async () => {
    devices.push(await requestDevice());
    return devices.at(-1)!;
  });
  const graph = new Graph();
  let t = graph.input("x", [4]);
  for (let i = 0; i < depth; i++) graph.output(`y${i}`, (t = scale(t, 1, 1)));
  const program = await compile(graph, backend);
  const results = await program.run({ x: [0, 0, 0, 0] }, { onProgress: () => devices[0].destroy() });
  const [sum] = await results[`y${depth - 1}`].read();
  await backend.dispose();
  return { sum, devices: devices.length };
}
