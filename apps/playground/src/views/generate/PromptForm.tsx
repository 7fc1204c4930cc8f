import type { Signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { Icon } from "../../Icon.tsx";
import type { Studio } from "../../studio.ts";
import { examples, randomSeed, seedLimit, type Settings } from "./settings.ts";

interface PromptFormProps {
  readonly studio: Studio;
  readonly settings: Settings;
  onGenerate(): void;
}

/** What to paint and how, and the buttons that begin and stop it. */
export function PromptForm({ studio, settings, onGenerate }: PromptFormProps) {
  const { p, n, seed, steps, guidance, w, h } = settings.fields;
  const taken = studio.taken.value;
  const device = studio.device.value;
  const used = studio.picture.value?.parameters.seed;
  const submit = (event: Event) => {
    event.preventDefault();
    if (!taken) onGenerate();
  };
  return (
    <form class="prompt card" onSubmit={submit} aria-label="Settings">
      <label class="wide">
        Prompt
        <textarea
          value={p}
          onInput={typed(p)}
          rows={3}
          required
          maxLength={2000}
          spellcheck={false}
          enterkeyhint="go"
        />
      </label>
      <div class="examples row" role="group" aria-label="Example prompts">
        {Object.entries(examples).map(([name, text]) => (
          <button
            key={name}
            type="button"
            title={text}
            onClick={() => (p.value = text)}
            aria-pressed={p.value === text}
          >
            {name}
          </button>
        ))}
      </div>
      <label class="wide">
        Negative prompt
        <input type="text" value={n} onInput={typed(n)} maxLength={2000} placeholder="what to keep out" />
      </label>

      <div class="seed row">
        <NumberField label="Seed" field={seed} min={0} max={seedLimit - 1} step={1} placeholder="random" />
        <button type="button" class="quiet" onClick={() => (seed.value = String(randomSeed()))}>
          <Icon path="M4 4h16v16H4zM8 8h.01M16 8h.01M12 12h.01M8 16h.01M16 16h.01" /> Random
        </button>
        <button
          type="button"
          class="quiet"
          aria-disabled={used === undefined}
          onClick={() => used !== undefined && (seed.value = String(used))}
        >
          <Icon path="M4 12a8 8 0 1 0 3-6.2M7 2v4h4" /> Reuse
        </button>
      </div>
      <NumberField label="Steps" field={steps} min={1} max={500} step={1} required />
      <NumberField label="Guidance" field={guidance} min={1} max={30} step={0.5} required />
      <NumberField
        label="Width"
        field={w}
        min={device?.sizeStep}
        max={1024}
        step={device?.sizeStep}
        placeholder={device && `${device.width}`}
      />
      <NumberField
        label="Height"
        field={h}
        min={device?.sizeStep}
        max={1024}
        step={device?.sizeStep}
        placeholder={device && `${device.height}`}
      />

      <div class="go row">
        <button type="submit" class="main" aria-disabled={taken} aria-keyshortcuts="Control+Enter">
          Generate <kbd>Ctrl ↵</kbd>
        </button>
        <button
          type="button"
          onClick={() => studio.cancel()}
          aria-disabled={!studio.busy.value}
          aria-keyshortcuts="Escape"
        >
          Cancel <kbd>Esc</kbd>
        </button>
      </div>
    </form>
  );
}

export interface NumberFieldProps {
  readonly label: string;
  readonly field: Signal<string>;
  readonly min?: number;
  readonly max: number;
  readonly step?: number;
  readonly required?: boolean;
  readonly placeholder?: string;
}

export const NumberField = ({ label, field, ...limits }: NumberFieldProps): ComponentChildren => (
  <label>
    {label}
    <input type="number" inputMode="decimal" value={field} onInput={typed(field)} {...limits} />
  </label>
);

/** Whether a key begins what a form describes: Ctrl+Enter does, and Enter alone in a prompt, where Shift+Enter begins a line. */
export const submits = ({ key, ctrlKey, metaKey, shiftKey, isComposing, target }: KeyboardEvent): boolean =>
  key === "Enter" && !isComposing && (ctrlKey || metaKey || (target instanceof HTMLTextAreaElement && !shiftKey));

export const typed =
  (field: Signal<string>) =>
  ({ currentTarget }: { currentTarget: HTMLInputElement | HTMLTextAreaElement }) => {
    field.value = currentTarget.value;
  };
