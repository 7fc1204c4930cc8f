import type { Limits } from "./result.ts";

/** Independent chains of each invocation, and the shader in which each is multiplied and added to, `rounds` times. */
const chains = 8;
const each = (line: (k: number) => string, between: string) =>
  Array.from({ length: chains }, (_, k) => line(k)).join(between);
const code = `
@group(0) @binding(0) var<storage, read> rounds: u32;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let by = vec4f(0.999);
  let more = vec4f(0.001);
${each((k) => `  var a${k} = vec4f(f32(id.x % 64) + ${k}.0);`, "\n")}
  for (var i = 0u; i < rounds; i++) {
${each((k) => `    a${k} = fma(a${k}, by, more);`, "\n")}
  }
  y[id.x] = dot(${each((k) => `a${k}`, " + ")}, vec4f(1.0));
}`;

const workgroups = 4096;
const invocations = 64 * workgroups;
const copyBytes = 2 ** 27;
/** A submit of less is too short to time; one of more might take a device for hung. */
const enoughMs = 30;
const [storage, copySrc, copyDst] = [128, 4, 8];

/** Measures what the GPU can compute in registers and copy in its memory, on a device of its own: the best of several runs. */
export async function gpuLimits(runs = 12): Promise<Limits> {
  const { requestDevice } = await import("@tessera/kernels/webgpu"); // loaded only where it is used
  const device = await requestDevice();
  device.pushErrorScope("validation");
  device.pushErrorScope("out-of-memory");
  try {
    const module = device.createShaderModule({ code });
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
    const buffer = (size: number, usage: number) => device.createBuffer({ size, usage });
    const rounds = buffer(4, storage | copyDst);
    const y = buffer(4 * invocations, storage);
    const [from, to] = [buffer(copyBytes, copySrc), buffer(copyBytes, copyDst)];
    const bindGroup = device.createBindGroup({
      layout: pipeline.getBindGroupLayout(0),
      entries: [rounds, y].map((buffer, binding) => ({ binding, resource: { buffer } })),
    });
    const timed = async (record: (encoder: GPUCommandEncoder) => void): Promise<number> => {
      const encoder = device.createCommandEncoder();
      record(encoder);
      const commands = encoder.finish();
      await device.queue.onSubmittedWorkDone();
      const start = performance.now();
      device.queue.submit([commands]);
      await device.queue.onSubmittedWorkDone();
      return performance.now() - start;
    };
    const compute = (count: number) => {
      device.queue.writeBuffer(rounds, 0, Uint32Array.of(count));
      return timed((encoder) => {
        const pass = encoder.beginComputePass();
        pass.setPipeline(pipeline);
        pass.setBindGroup(0, bindGroup);
        pass.dispatchWorkgroups(workgroups);
        pass.end();
      });
    };
    const copy = (count: number) =>
      timed((encoder) => {
        for (let i = 0; i < count; i++) encoder.copyBufferToBuffer(from, 0, to, 0, copyBytes);
      });
    const gflops = await best(compute, (invocations * chains * 8) / 1e6, runs);
    const gigabytes = await best(copy, (2 * copyBytes) / 1e6, runs);
    for (const error of [await device.popErrorScope(), await device.popErrorScope()])
      if (error) throw new Error(`The probe of the GPU's peak failed: ${error.message}`);
    return { simdGflops: gflops, copyGigabytesPerSecond: gigabytes };
  } finally {
    device.destroy();
  }
}

/** The most of `each` per millisecond: twice as many in a run until that takes long enough, then the best of several runs. */
async function best(run: (count: number) => Promise<number>, each: number, runs: number): Promise<number> {
  let count = 1;
  while ((await run(count)) < enoughMs && count < 2 ** 20) count *= 2;
  let most = 0;
  for (let i = 0; i < runs; i++) most = Math.max(most, (each * count) / (await run(count)));
  return most;
}
