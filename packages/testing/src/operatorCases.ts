import { fixture, fixtureJson } from "./fixture.ts";
import { readOperatorCases, type OperatorCase, type Recorded } from "./readOperatorCases.ts";

/** Every PyTorch operator case of `fixtures/ops.json` that our ops can express. */
export const operatorCases = (): Promise<OperatorCase[]> =>
  readOperatorCases(fixtureJson<{ cases: Recorded[] }>("ops.json"), fixture("ops.safetensors"));
