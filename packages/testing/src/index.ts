export { backends, required, type TestBackend } from "./backends.ts";
export { launchBrowser, type FoundBrowser } from "./browser.ts";
export { expectClose, maxAbs, relativeL2 } from "./expectClose.ts";
export { fixture, fixtureJson, fixturePath, type Fixture } from "./fixture.ts";
export { operatorCases, type OperatorCase } from "./operatorCases.ts";
export { randomWeights, uniform } from "./randomWeights.ts";
export { callInPage, servePage, type PageServer } from "./servePage.ts";
