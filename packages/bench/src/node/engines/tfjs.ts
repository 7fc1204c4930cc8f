import type { Tensor as Node } from "@tessera/kernels";
import { timed } from "../../timed.ts";
import type { Engine, EngineOptions, Loaded, Task } from "./engine.ts";
import { compute, NotWritten, opGraph, type Recipes } from "./onGraph.ts";
import { webgpuOfPeers } from "./webgpuOfPeers.ts";

type Tf = typeof import("@tensorflow/tfjs-core");
type Tensor = import("@tensorflow/tfjs-core").Tensor;
type Tensor4D = import("@tensorflow/tfjs-core").Tensor4D;

/** What its WebGPU backend does with the kernels that it has gathered but not yet handed to the device. */
interface Gathering {
  ensureCommandEncoderReady(): void;
  endComputePassEncoder(): void;
  submitQueue(): void;
}

/**
 * TensorFlow.js on its WebAssembly or its WebGPU backend. Pictures are kept [n h w c], the only layout that the former has
 * convolutions for.
 */
export async function tfjs({ device }: EngineOptions): Promise<Engine> {
  const onGpu = device === "webgpu";
  const finished = onGpu ? await webgpuOfPeers() : async () => {};
  const tf = await import("@tensorflow/tfjs-core");
  await (onGpu ? import("@tensorflow/tfjs-backend-webgpu") : import("@tensorflow/tfjs-backend-wasm"));
  if (!(await tf.setBackend(onGpu ? "webgpu" : "wasm"))) throw new Error(`its ${device} backend did not start`);
  const recipes = recipesOf(tf);

  /** Hands over what it has gathered, and waits for the device. On WebAssembly kernels have run when the call returns. */
  async function flush(): Promise<void> {
    if (!onGpu) return;
    const gathering = tf.backend() as unknown as Gathering;
    gathering.ensureCommandEncoderReady();
    gathering.endComputePassEncoder();
    gathering.submitQueue();
    await finished();
  }

  async function load({ op, inputs }: Task): Promise<Loaded> {
    const { graph, params } = await opGraph(op);
    const nodes = [...graph.inputs.values(), ...graph.params.values()];
    const kept = tf.tidy(() =>
      nodes.map((t) => {
        const x = tf.tensor(t.op.name === "input" ? inputs[t.path].data : params.get(t.path)!, [...t.shape]);
        const reader = graph.nodes.find((node) => node.inputs.weight === t)?.op.name;
        if (reader === "conv2d") return tf.transpose(x, [2, 3, 1, 0]);
        if (reader === "linear") return tf.transpose(x);
        return t.shape.length === 4 ? tf.transpose(x, [0, 2, 3, 1]) : x;
      }),
    );
    const leaves = new Map(nodes.map((t, i) => [t, kept[i]]));
    const once = () => tf.tidy(() => compute(graph, leaves, recipes));
    const logical = tf.tidy(() => once().map((y) => (y.shape.length === 4 ? tf.transpose(y, [0, 3, 1, 2]) : y)));
    const outputs = await Promise.all(logical.map((y) => y.data() as Promise<Float32Array>));
    tf.dispose(logical);
    return {
      outputs,
      run: () =>
        timed(async () => {
          tf.dispose(once());
          await flush();
        }),
      dispose: async () => tf.dispose(kept),
    };
  }
  return { detail: `${tf.version_core}, ${onGpu ? "WebGPU" : "1 thread (it has no more in Node)"}`, load };
}

function recipesOf(tf: Tf): Recipes<Tensor> {
  return {
    conv2d({ inputs: { x, weight }, attrs: { stride, pad, groups, dilation } }, value) {
      if (groups !== 1) throw new NotWritten("convolution in groups is not written for it.");
      const [top, left, bottom, right] = pad as number[];
      const same = new Set(pad as number[]).size === 1 && stride === 1 && weight.shape[2] === 2 * top + 1;
      return tf.conv2d(
        value(x) as Tensor4D,
        value(weight) as Tensor4D,
        stride as number,
        same
          ? "same"
          : [
              [0, 0],
              [top, bottom],
              [left, right],
              [0, 0],
            ],
        "NHWC",
        dilation as number,
      );
    },
    linear: ({ inputs: { x, weight } }, value) => tf.matMul(value(x), value(weight)),
    attention({ inputs: { q, k, v }, attrs: { heads }, shape }, value) {
      const depth = shape[2] / (heads as number);
      const split = (t: Node) => tf.transpose(tf.reshape(value(t), [t.shape[1], heads as number, depth]), [1, 0, 2]);
      const logits = tf.mul(tf.matMul(split(q), split(k), false, true), 1 / Math.sqrt(depth));
      return tf.reshape(tf.transpose(tf.matMul(tf.softmax(logits), split(v)), [1, 0, 2]), [...shape]);
    },
    affine({ inputs: { x, stats, weight, bias }, shape: [n, c, h, w] }, value) {
      const groups = stats.shape[1];
      const grouped = tf.reshape(value(x), [n, h * w, groups, c / groups]);
      const normed = normalize(tf, grouped, [1, 3], stats.attrs.eps as number);
      return tf.add(tf.mul(tf.reshape(normed, [n, h, w, c]), value(weight)), value(bias));
    },
    layerNorm: ({ inputs: { x, weight, bias }, attrs: { eps } }, value) =>
      tf.add(tf.mul(normalize(tf, value(x), [x.shape.length - 1], eps as number), value(weight)), value(bias)),
    reshape({ inputs: { x }, shape }, value) {
      if (x.shape.length === 4 || shape.length === 4)
        throw new NotWritten("reshapes of pictures are not written for it.");
      return tf.reshape(value(x), [...shape]);
    },
    slice({ inputs: { x }, attrs: { axis, begin }, shape }, value) {
      if (shape.length === 4) throw new NotWritten("slices of pictures are not written for it.");
      return tf.slice(
        value(x),
        shape.map((_, d) => (d === axis ? (begin as number) : 0)),
        [...shape],
      );
    },
    silu({ inputs: { x0 } }, value) {
      const x = value(x0);
      return tf.mul(x, tf.sigmoid(x));
    },
    gelu({ inputs: { x0 } }, value) {
      const x = value(x0);
      return tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1));
    },
    mul: ({ inputs: { x0, x1 } }, value) => tf.mul(value(x0), value(x1)),
    add: ({ inputs: { x0, x1 } }, value) => tf.add(value(x0), value(x1)),
  };
}

/** (x − mean) / √(variance + eps) over some axes. */
function normalize(tf: Tf, x: Tensor, axes: number[], eps: number): Tensor {
  const center = tf.sub(x, tf.mean(x, axes, true));
  return tf.mul(center, tf.rsqrt(tf.add(tf.mean(tf.square(center), axes, true), eps)));
}
