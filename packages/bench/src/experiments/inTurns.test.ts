import { expect, test } from "vitest";
import { inTurns } from "./inTurns.ts";

test("what is faster than the first runs more often in each round, and first runs, however long, count for nothing", async () => {
  const order: string[] = [];
  const thing = (name: string, ms: number) => ({
    async run() {
      order.push(name);
      return order.length === 1 ? 1000 * ms : ms;
    },
  });
  const samples = await inTurns([thing("whole", 10), thing("edit", 3), thing("slow", 40)], 2);
  expect(samples).toEqual([Array(2).fill(10), Array(6).fill(3), Array(2).fill(40)]);
  expect(order.join(" ")).toBe("whole edit slow" + " whole edit edit edit slow".repeat(2));
});
