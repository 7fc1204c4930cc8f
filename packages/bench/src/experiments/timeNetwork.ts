import type { Graph } from "@tessera/kernels";
import * as v from "valibot";
import { randomInputs, randomWeights } from "../randomNumbers.ts";
import { resident } from "../resident.ts";
import { TimeSchema, timeOf } from "../result.ts";
import type { Laboratory } from "./experiment.ts";

/** What one network costs on a device. */
export const NetworkCostSchema = v.object({
  time: TimeSchema,
  /** What the plan takes: weights as they are packed, results of layers where they share memory. */
  weightBytes: v.number(),
  activationBytes: v.number(),
  calls: v.number(),
});
export type NetworkCost = v.InferOutput<typeof NetworkCostSchema>;

/**
 * Times a network with random weights in half floats, once a process whichever experiment asks: a first run to warm up,
 * then as many as there are samples.
 *
 * @param key says which network it is, and at what size
 */
export function timeNetwork(laboratory: Laboratory, key: string, build: () => Graph): Promise<NetworkCost> {
  const { backend, quick, signal, say } = laboratory;
  return laboratory.once(`network ${key}`, async () => {
    const graph = build();
    const program = await resident(graph, backend, randomInputs(graph), { weights: randomWeights(graph), signal });
    try {
      const samples: number[] = [];
      for (let i = 0; i < (quick ? 1 : 5); i++) {
        signal.throwIfAborted();
        samples.push(await program.run());
        if (!quick) say(`  ${key}: ${i + 1} of 5`);
      }
      const { weightBytes, memory, calls } = program.plan;
      return { time: timeOf(samples), weightBytes, activationBytes: memory.bytes, calls: calls.length };
    } finally {
      program.dispose();
    }
  });
}
