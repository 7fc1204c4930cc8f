import { parentPort, workerData } from "node:worker_threads";
import { probe } from "./probe.js";

const measure = probe(workerData);
parentPort?.on("message", (work) => parentPort?.postMessage(measure(work)));
