import { parentPort } from "node:worker_threads";
import { serve } from "./thread.js";

const port = /** @type {import("node:worker_threads").MessagePort} */ (parentPort);
port.on(
  "message",
  serve((answer) => port.postMessage(answer)),
);
