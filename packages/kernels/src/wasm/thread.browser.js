import { serve } from "./thread.js";

const answer = serve((message) => globalThis.postMessage(message));
globalThis.addEventListener("message", ({ data }) => answer(data));
