import type { Result } from "@tessera/pipelines";
import { formatMs } from "../../format.ts";

/** Where the time went: a bar and its legend. */
export function Timings({ timings }: { timings: Result["timings"] }) {
  const { loadMs, encodeMs, sampleMs, stepMs, decodeMs } = timings;
  const steps = stepMs.length;
  const parts = [
    { name: "load", label: "Load", ms: loadMs, note: loadMs < 1 ? "already there" : "only once" },
    { name: "text", label: "Text", ms: encodeMs, note: "" },
    { name: "unet", label: `UNet × ${steps}`, ms: sampleMs, note: `${formatMs(sampleMs / steps)} each` },
    { name: "decode", label: "Decode", ms: decodeMs, note: "" },
  ];
  return (
    <div class="timings">
      <div class="bar" aria-hidden="true">
        {parts.map(({ name, ms }) => (
          <span key={name} class={name} style={{ flexGrow: ms }} />
        ))}
      </div>
      <dl>
        {parts.map(({ name, label, ms, note }) => (
          <div key={name} class={name}>
            <dt>{label}</dt>
            <dd>
              {formatMs(ms)} {note && <small>{note}</small>}
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}
