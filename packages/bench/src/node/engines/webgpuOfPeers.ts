import { gpu } from "@tessera/kernels/webgpu";

/**
 * Gives an engine that expects a browser WebGPU in Node, the same that ours has: the same adapter, and a poll that leaves
 * the processor to it. Returns what waits until all that was submitted is done.
 */
export async function webgpuOfPeers(): Promise<() => Promise<unknown>> {
  const api = await gpu();
  if (!api) throw new Error("there is no WebGPU here: npm install webgpu");
  const devices: GPUDevice[] = [];
  const requestAdapter = api.requestAdapter.bind(api);
  api.requestAdapter = async (options) => {
    const adapter = await requestAdapter(options);
    if (!adapter) return null;
    const requestDevice = adapter.requestDevice.bind(adapter);
    adapter.requestDevice = async (descriptor) => {
      const device = await requestDevice(descriptor);
      devices.push(device);
      const writeBuffer = device.queue.writeBuffer.bind(device.queue);
      // Dawn takes no memory that is shared between threads, which is where WebAssembly with threads keeps its own.
      device.queue.writeBuffer = (buffer, offset, data, ...part) => {
        const bytes = ArrayBuffer.isView(data) ? data : new Uint8Array(data as ArrayBuffer);
        writeBuffer(
          buffer,
          offset,
          bytes.buffer instanceof SharedArrayBuffer ? (bytes as Uint8Array).slice() : data,
          ...part,
        );
      };
      return device;
    };
    return adapter;
  };
  const { globals } = (await import("webgpu" as string)) as { globals: object };
  Object.assign(globalThis, globals);
  Object.defineProperty(globalThis, "navigator", { value: { gpu: api, userAgent: "Node.js" }, configurable: true });
  return () => Promise.all(devices.map(({ queue }) => queue.onSubmittedWorkDone()));
}
