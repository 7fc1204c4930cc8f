import { adapterName } from "@tessera/kernels/webgpu";
import type { Limits } from "./result.ts";

/**
 * How many independent chains of multiply-adds an invocation has: few do not fill the pipes, many do not fit in the
 * registers. Which is best depends on the adapter, so each is tried.
 */
const chainCounts = [4, 8, 12];
/** Multiply-adds of each chain in a row; the loop around them costs little beside that. */
const unrolled = 16;
const rounds = 16;
const groupSize = 64;
/** Runs shorter than this are not timed: waiting for a device may take a millisecond. */
const longEnoughMs = 30;
/** Each buffer of the copy: more than caches hold, as much as any device binds. */
const copyBytes = 2 ** 27;

/** a ← a · x + z again and again on each chain of each invocation; nothing but the sum is written. */
const multiplyAdds = (scalar: "f32" | "f16", chains: number): string => {
  const type = scalar === "f32" ? "f32" : "vec2<f16>"; // two to a register
  const names = Array.from({ length: chains }, (_, k) => `a${k}`);
  const step = names.map((a) => `${a} = fma(${a}, x, z);`).join(" ");
  return `${scalar === "f16" ? "enable f16;" : ""}
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@compute @workgroup_size(${groupSize}) fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let x = ${type}(${scalar}(y[0].x));
  let z = ${type}(${scalar}(y[0].y));
  ${names.map((a, k) => `var ${a} = ${k} + x;`).join(" ")}
  for (var i = 0u; i < ${rounds}u; i++) {
    ${`${step}\n    `.repeat(unrolled)}
  }
  let sum = ${names.join(" + ")};
  y[1u + id.x] = vec4<f32>(f32(${scalar === "f32" ? "sum" : "sum.x + sum.y"}));
}`;
};

const copy = `
@group(0) @binding(0) var<storage, read_write> y: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read> x: array<vec4<f32>>;
@compute @workgroup_size(${groupSize}) fn main(@builtin(global_invocation_id) id: vec3<u32>, @builtin(num_workgroups) n: vec3<u32>) {
  let i = id.y * n.x * ${groupSize}u + id.x;
  y[i] = x[i];
}`;

/** Measures what an adapter can compute in registers and copy in its memory: the best of several short runs. */
export async function adapterLimits(device: GPUDevice, runs = 5): Promise<Limits> {
  const usage = 4 | 8 | 128; // COPY_SRC, COPY_DST and STORAGE: Node has no globals for them
  const [from, to] = [0, 1].map(() => device.createBuffer({ size: copyBytes, usage }));
  device.queue.writeBuffer(to, 0, Float32Array.of(0.999, 0.001));

  /** Milliseconds of a submit. */
  async function time(encode: (encoder: GPUCommandEncoder) => void): Promise<number> {
    const encoder = device.createCommandEncoder();
    encode(encoder);
    const start = performance.now();
    device.queue.submit([encoder.finish()]);
    await device.queue.onSubmittedWorkDone();
    return performance.now() - start;
  }
  /** The most work a millisecond of `runs`, each of as many repetitions as take long enough. */
  async function best(work: number, encode: (encoder: GPUCommandEncoder, repetitions: number) => void) {
    let repetitions = 1;
    for (; (await time((encoder) => encode(encoder, repetitions))) < longEnoughMs; repetitions *= 2);
    let most = 0;
    for (let run = 0; run < runs; run++)
      most = Math.max(most, (work * repetitions) / (await time((encoder) => encode(encoder, repetitions))));
    return most;
  }
  /** What encodes a pass of a shader; `dispatch` says how often and how large. */
  async function shader(
    code: string,
    buffers: readonly GPUBuffer[],
    dispatch: (pass: GPUComputePassEncoder, repetitions: number) => void,
  ) {
    const module = device.createShaderModule({ code });
    const pipeline = await device.createComputePipelineAsync({ layout: "auto", compute: { module } });
    const entries = buffers.map((buffer, binding) => ({ binding, resource: { buffer } }));
    const group = device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries });
    return (encoder: GPUCommandEncoder, repetitions: number) => {
      const pass = encoder.beginComputePass();
      pass.setPipeline(pipeline);
      pass.setBindGroup(0, group);
      dispatch(pass, repetitions);
      pass.end();
    };
  }

  async function multiplyAddGflops(scalar: "f32" | "f16"): Promise<number> {
    const groups = 512;
    let most = 0;
    for (const chains of chainCounts) {
      const code = multiplyAdds(scalar, chains);
      const encode = await shader(code, [to], (pass, repetitions) => pass.dispatchWorkgroups(groups, repetitions));
      const operations = 2 * groups * groupSize * rounds * unrolled * chains * (scalar === "f32" ? 1 : 2);
      most = Math.max(most, (await best(operations, encode)) / 1e6);
    }
    return most;
  }

  try {
    const groups = copyBytes / 16 / groupSize;
    const byShader = await shader(copy, [to, from], (pass, repetitions) => {
      for (let i = 0; i < repetitions; i++) pass.dispatchWorkgroups(2 ** 15, groups / 2 ** 15);
    });
    const copied = [
      await best(2 * copyBytes, byShader),
      await best(2 * copyBytes, (encoder, repetitions) => {
        for (let i = 0; i < repetitions; i++) encoder.copyBufferToBuffer(from, 0, to, 0, copyBytes);
      }),
    ];
    device.queue.writeBuffer(to, 0, Float32Array.of(0.999, 0.001));
    return {
      adapter: adapterName(device.adapterInfo),
      simdGflops: await multiplyAddGflops("f32"),
      ...(device.features.has("shader-f16") && { halfGflops: await multiplyAddGflops("f16") }),
      copyGigabytesPerSecond: Math.max(...copied) / 1e6,
    };
  } finally {
    from.destroy();
    to.destroy();
  }
}
