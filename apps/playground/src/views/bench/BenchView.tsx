import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { MeasureRequest } from "../../measure.ts";
import { ProgressLine } from "../../ProgressLine.tsx";
import type { Studio } from "../../studio.ts";
import { NumberField, typed } from "../generate/PromptForm.tsx";
import { AblationTable, OpsTable } from "./tables.tsx";

/** The third room: how fast this device is, and what each optimisation is worth on it. */
export function BenchView({ studio }: { studio: Studio }) {
  const [filter, repeat, seconds] = [useSignal(""), useSignal("5"), useSignal("10")];
  const [busy, taken] = [studio.busy.value, studio.taken.value];
  const [comparison, ablation] = [studio.comparison.value, studio.ablation.value];
  const measure = async (what: MeasureRequest["what"]) => {
    if (taken) return;
    const limitMs = 1000 * Number(seconds.value);
    await studio.measure({ what, filter: filter.value.trim(), repeat: Number(repeat.value), limitMs });
  };
  useEffect(() => {
    const onKey = ({ key }: KeyboardEvent) => key === "Escape" && studio.cancel();
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [studio]);
  const rest = comparison || ablation ? "Done" : studio.device.value ? "Ready" : "";

  return (
    <main class="bench stack">
      <form
        class="card row"
        aria-label="What to measure"
        onSubmit={(event) => {
          event.preventDefault();
          void measure((event.submitter as HTMLButtonElement | null)?.value === "ablation" ? "ablation" : "ops");
        }}
      >
        <label class="filter">
          Which operators
          <input type="text" value={filter} onInput={typed(filter)} placeholder="all, or some: gemm" />
        </label>
        <NumberField label="Samples" field={repeat} min={1} max={100} step={1} required />
        <NumberField label="Seconds for each" field={seconds} min={1} max={600} step={1} required />
        <div class="row">
          <button class="main" value="ops" aria-disabled={taken}>
            Time operators
          </button>
          <button class="main" value="ablation" aria-disabled={taken}>
            Ablate the model
          </button>
          <button type="button" onClick={() => studio.cancel()} aria-disabled={!busy} aria-keyshortcuts="Escape">
            Cancel <kbd>Esc</kbd>
          </button>
        </div>
        <p>
          Operators have the shapes of Stable Diffusion 1.5 at 512 × 512, small ones first; one that takes too long is
          left out. Ablation times the page's own UNet with one optimisation off, and with it alone.
        </p>
      </form>
      <section class="card stack" aria-label="Measurements" aria-busy={busy}>
        <ProgressLine studio={studio} rest={rest} done={!!(comparison || ablation)} />
        {comparison && <OpsTable result={comparison} />}
        {ablation && <AblationTable result={ablation} />}
        {!comparison && !ablation && <p>Nothing is measured yet. Close other pages first: they slow this one down.</p>}
      </section>
    </main>
  );
}
