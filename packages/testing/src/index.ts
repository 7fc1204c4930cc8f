export { backends, required, type TestBackend } from "./backends.ts";
export { expectClose, maxAbs, relativeL2 } from "./expectClose.ts";
export { fixture, type Fixture } from "./fixture.ts";
export { operatorCases, type OperatorCase } from "./operatorCases.ts";
