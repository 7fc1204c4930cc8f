import * as ops from "../ops/index.ts";
import type { Backend } from "../plan/backend.ts";
import { checkInputs } from "../plan/inputs.ts";
import { host, type Kernel } from "../plan/kernel.ts";

const nothing: Kernel = { name: "null", accepts: () => true };

/** Plans and records, computes nothing: exact byte counts and every error of the compiler, with no device. Results are zeros. */
export function nullBackend(): Backend {
  let liveBytes = 0;
  return {
    name: "null",
    description: "plans only",
    caps: {},
    maxBindings: 8,
    memoryUnit: "offsets",
    ladders: { ...Object.fromEntries(Object.keys(ops).map((name) => [name, [nothing]])), timestepEmbedding: [host] },
    get liveBytes() {
      return liveBytes;
    },
    async record(plan) {
      const bytes = plan.weightBytes + plan.memory.bytes;
      liveBytes += bytes;
      let disposed = false;
      return {
        plan,
        async run(inputs) {
          checkInputs(plan.graph, inputs);
          return Object.fromEntries(
            [...plan.graph.outputs].map(([name, { shape, dtype, elements }]) => [
              name,
              { shape, dtype, read: async () => new Float32Array(elements) },
            ]),
          );
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
