import type { ProbeThread } from "./limits.ts";
import type { Machine } from "./result.ts";

/** This browser now, for the head of a result. It does not say which processor it runs on. */
export const machine = async (backend: string): Promise<Machine> => ({
  date: new Date().toISOString(),
  cpu: "unknown",
  cores: cores(),
  platform: navigator.platform,
  browser: navigator.userAgent,
  backend,
});

/** Processors of this machine, as far as the browser tells. */
export const cores = (): number => navigator.hardwareConcurrency || 1;

/** Browsers do not tell. */
export const cpuMs = (): number => 0;

/** A thread that measures what one processor can do. */
export function startProbe(codes: readonly Uint8Array[]): ProbeThread {
  const worker = new Worker(new URL("./probe.browser.js", import.meta.url), { type: "module" });
  return {
    measure: (work) =>
      new Promise((resolve, reject) => {
        worker.onmessage = ({ data }) => resolve(data);
        worker.onerror = ({ message }) => reject(new Error(`The probe of the peak failed: ${message}`));
        worker.postMessage({ codes, work });
      }),
    end: async () => worker.terminate(),
  };
}
