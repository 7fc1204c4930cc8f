import { probe } from "./probe.js";

/** @type {ReturnType<typeof probe> | undefined} */
let measure;
globalThis.addEventListener("message", ({ data: { codes, work } }) => {
  measure ??= probe(codes);
  globalThis.postMessage(measure(work));
});
