import { useSignal } from "@preact/signals";
import { diagnostics } from "./diagnostics.ts";
import { formatBytes } from "./format.ts";
import { choices, type Choice, type Studio } from "./studio.ts";

const names: Record<Choice, string> = { auto: "Automatic", webgpu: "WebGPU", wasm: "WASM" };

/** What the engine runs on and why, the memory that it holds, and a report for those who ask. */
export function StatusStrip({ studio }: { studio: Studio }) {
  const copied = useSignal("");
  const device = studio.device.value;
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(diagnostics(studio));
      copied.value = "Copied.";
    } catch {
      copied.value = "The browser did not allow it.";
    }
    setTimeout(() => (copied.value = ""), 4000);
  };
  return (
    <footer class="status row" aria-label="Device">
      <label>
        Runs on
        <select
          value={studio.choice}
          onChange={({ currentTarget }) => void studio.open(currentTarget.value as Choice)}
          aria-describedby="reason"
        >
          {choices.map((choice) => (
            <option key={choice} value={choice}>
              {names[choice]}
            </option>
          ))}
        </select>
      </label>
      <label title="Times kernels on this device, once and for some seconds, and takes the fastest from then on">
        <input
          type="checkbox"
          checked={studio.tunes}
          disabled={!device}
          onChange={({ currentTarget }) => void studio.tune(currentTarget.checked)}
        />
        Tuned
      </label>
      <p id="reason">
        {device ? (
          <>
            <strong>{device.description}</strong>: {device.reason}
            {!device.isolated &&
              device.backend === "wasm" &&
              " One thread, since the page is not cross-origin isolated."}
          </>
        ) : studio.busy.value ? (
          "Looking at this device…"
        ) : (
          "Nothing is open. Choose what to run on, or begin something, to try again."
        )}
      </p>
      <p class="memory">
        <span>{formatBytes(studio.liveBytes.value)}</span> in use
      </p>
      <button type="button" class="quiet" onClick={() => void copy()}>
        Copy diagnostics
      </button>
      <span class="copied" role="status">
        {copied}
      </span>
    </footer>
  );
}
