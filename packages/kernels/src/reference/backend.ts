import { toFloat32 } from "@tessera/safetensors";
import { DeviceError } from "../graph/errors.ts";
import type { Tensor } from "../graph/tensor.ts";
import * as ops from "../ops/index.ts";
import type { Backend } from "../plan/backend.ts";
import { checkInputs, isDeviceTensor, readInput } from "../plan/inputs.ts";
import type { Kernel } from "../plan/kernel.ts";
import type { DeviceTensor } from "../plan/program.ts";
import { evaluateNode } from "../plan/evaluateNode.ts";

const loops: Kernel = { name: "reference", accepts: () => true };

/** The definition: interprets a graph with the ops' own loops, in float64. Slow and right. */
export function reference(): Backend {
  let liveBytes = 0;
  return {
    name: "reference",
    description: "the ops' own loops in float64, one thread",
    caps: {},
    maxBindings: Infinity,
    memoryUnit: "offsets",
    ladders: Object.fromEntries(Object.keys(ops).map((name) => [name, [loops]])),
    get liveBytes() {
      return liveBytes;
    },
    async record(plan, weights, { signal, onProgress } = {}) {
      const params = new Map<Tensor, Float64Array>();
      for (const t of plan.graph.params.values()) {
        signal?.throwIfAborted();
        params.set(t, Float64Array.from(toFloat32(await weights.get(t.path, { signal }))));
        onProgress?.({ phase: "weights", done: params.size, total: plan.graph.params.size });
      }
      const bytes = [...params.values()].reduce((sum, data) => sum + data.byteLength, 0);
      liveBytes += bytes;
      let disposed = false;
      return {
        plan,
        async run(inputs, { signal } = {}) {
          if (disposed) throw new DeviceError("run: this program has been disposed.");
          checkInputs(plan.graph, inputs);
          const values = new Map(params);
          for (const [name, t] of plan.graph.inputs) {
            const given = inputs[name];
            // Results of this backend are handed on unrounded.
            const exact = isDeviceTensor(given) ? (given as ReferenceTensor).data : undefined;
            values.set(t, exact ?? Float64Array.from(await readInput(t, given)));
          }
          for (const node of plan.graph.nodes) {
            if (values.has(node)) continue;
            if (signal) await new Promise<void>((resolve) => setTimeout(resolve, 0));
            signal?.throwIfAborted();
            values.set(
              node,
              evaluateNode(node, (t) => values.get(t)!),
            );
          }
          return Object.fromEntries([...plan.graph.outputs].map(([name, t]) => [name, result(t, values.get(t)!)]));
        },
        dispose() {
          if (!disposed) liveBytes -= bytes;
          disposed = true;
        },
      };
    },
    async dispose() {},
  };
}

interface ReferenceTensor extends DeviceTensor {
  readonly data?: Float64Array;
}

const result = ({ shape, dtype }: Tensor, data: Float64Array): ReferenceTensor => ({
  shape,
  dtype,
  data,
  read: async () => Float32Array.from(data),
});
