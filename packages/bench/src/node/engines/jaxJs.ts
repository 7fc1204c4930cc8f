import type { Tensor as Node } from "@tessera/kernels";
import { timed } from "../../timed.ts";
import type { Engine, EngineOptions, Loaded, Task } from "./engine.ts";
import { compute, NotWritten, opGraph, type Recipes } from "./onGraph.ts";
import { webgpuOfPeers } from "./webgpuOfPeers.ts";

type Jax = typeof import("@jax-js/jax");
type Array = import("@jax-js/jax").numpy.Array;

/** jax-js on WebAssembly or WebGPU, each operator one jitted function. */
export async function jaxJs({ device }: EngineOptions): Promise<Engine> {
  const jax = await import("@jax-js/jax");
  const finished = device === "webgpu" ? await webgpuOfPeers() : async () => {};
  const kind = device === "webgpu" ? "webgpu" : "wasm";
  await jax.init(kind);
  jax.defaultDevice(kind);
  const recipes = recipesOf(jax);

  async function load({ op, inputs }: Task): Promise<Loaded> {
    const { graph, params } = await opGraph(op);
    const nodes = [...graph.inputs.values(), ...graph.params.values()];
    const arrays = nodes.map((t) => {
      const data = t.op.name === "input" ? inputs[t.path].data : params.get(t.path)!;
      return jax.numpy.array(data as Float32Array<ArrayBuffer>, { shape: [...t.shape] });
    });
    // Arrays are used up by the call that reads them, so each reader gets a reference of its own.
    const whole = jax.jit((...given: Array[]) => {
      const leaves = new Map(nodes.map((t, i) => [t, given[i]]));
      return compute(graph, leaves, recipes);
    });
    const once = () => whole(...arrays.map((a) => a.ref)) as Array[];
    const outputs = await Promise.all(once().map((y) => y.data() as Promise<Float32Array>));
    return {
      outputs,
      run: () =>
        timed(async () => {
          const results = once();
          await Promise.all(results.map((y) => y.blockUntilReady()));
          await finished();
          for (const y of results) y.dispose();
        }),
      dispose: async () => arrays.forEach((a) => a.dispose()),
    };
  }
  return { detail: device === "webgpu" ? "WebGPU" : "1 thread (it has no more in Node)", load };
}

function recipesOf({ numpy: np, nn, lax }: Jax): Recipes<Array> {
  /** (x − mean) / √(variance + eps) over some axes. */
  const normalize = (x: Array, axis: number[], eps: number) => {
    const center = x.ref.sub(np.mean(x, axis, { keepdims: true }));
    const variance = np.mean(center.ref.mul(center.ref), axis, { keepdims: true });
    return center.div(np.sqrt(variance.add(eps)));
  };
  return {
    conv2d({ inputs: { x, weight }, attrs: { stride, pad, groups, dilation } }, value) {
      const [top, left, bottom, right] = pad as number[];
      const sides: [number, number][] = [
        [top, bottom],
        [left, right],
      ];
      const strides = [stride as number, stride as number];
      return lax.convGeneralDilated(value(x).ref, value(weight).ref, strides, sides, {
        rhsDilation: [dilation as number, dilation as number],
        featureGroupCount: groups as number,
      });
    },
    linear: ({ inputs: { x, weight } }, value) => np.matmul(value(x).ref, np.transpose(value(weight).ref)),
    attention({ inputs: { q, k, v }, attrs: { heads, causal }, shape }, value) {
      if (causal) throw new NotWritten("causal attention is not written for it.");
      const depth = shape[2] / (heads as number);
      const split = (t: Node, perm: number[]) =>
        np.transpose(value(t).ref.reshape([t.shape[0], t.shape[1], heads as number, depth]), perm);
      // Its own dotProductAttention needs iterator helpers, which Node 20 has not.
      const logits = np.matmul(split(q, [0, 2, 1, 3]), split(k, [0, 2, 3, 1])).mul(1 / Math.sqrt(depth));
      const attended = np.matmul(nn.softmax(logits), split(v, [0, 2, 1, 3]));
      return np.transpose(attended, [0, 2, 1, 3]).reshape([...shape]);
    },
    affine({ inputs: { x, stats, weight, bias }, shape: [n, c, h, w] }, value) {
      const groups = stats.shape[1];
      const grouped = value(x).ref.reshape([n, groups, (c / groups) * h * w]);
      const normed = normalize(grouped, [2], stats.attrs.eps as number).reshape([n, c, h, w]);
      const channels = (t: Node) => value(t).ref.reshape([c, 1, 1]);
      return normed.mul(channels(weight)).add(channels(bias));
    },
    layerNorm: ({ inputs: { x, weight, bias }, attrs: { eps } }, value) =>
      normalize(value(x).ref, [x.shape.length - 1], eps as number)
        .mul(value(weight).ref)
        .add(value(bias).ref),
    reshape: ({ inputs: { x }, shape }, value) => value(x).ref.reshape([...shape]),
    slice: ({ inputs: { x }, attrs: { axis, begin, end } }, value) =>
      value(x).ref.slice(
        ...x.shape.map((_, d): [number, number] | [] => (d === axis ? [begin as number, end as number] : [])),
      ),
    silu: ({ inputs: { x0 } }, value) => nn.silu(value(x0).ref),
    gelu: ({ inputs: { x0 } }, value) => nn.gelu(value(x0).ref, { approximate: false }),
    mul: ({ inputs: { x0, x1 } }, value) => value(x0).ref.mul(value(x1).ref),
    add: ({ inputs: { x0, x1 } }, value) => value(x0).ref.add(value(x1).ref),
  };
}
