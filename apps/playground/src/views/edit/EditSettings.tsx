import { NumberField, typed } from "../generate/PromptForm.tsx";
import { randomSeed, seedLimit } from "../generate/settings.ts";
import { mostGuidance, mostSteps, type EditRoom } from "./room.ts";
import { button, Slider } from "./Toolbar.tsx";

/** What the paint should become. */
export function EditSettings({ room }: { room: EditRoom }) {
  const { prompt, seed, steps, guidance, strength } = room.settings;
  return (
    <form class="edit-settings" aria-label="Settings" onSubmit={(event) => event.preventDefault()}>
      <label class="wide">
        Prompt
        <textarea
          value={prompt}
          onInput={typed(prompt)}
          rows={2}
          maxLength={2000}
          spellcheck={false}
          enterkeyhint="go"
          placeholder="what the picture shows, with what you paint"
        />
      </label>
      <Slider
        label="Strength"
        field={strength}
        min={0.1}
        max={1}
        step={0.05}
        text={(v) => `${Math.round(100 * v)} %`}
      />
      <NumberField label="Steps" field={steps} min={1} max={mostSteps} step={1} required />
      <NumberField label="Guidance" field={guidance} min={1} max={mostGuidance} step={0.5} required />
      <NumberField label="Seed" field={seed} min={0} max={seedLimit - 1} step={1} required />
      {button("dice", "Another seed", "R", () => (seed.value = String(randomSeed())))}
    </form>
  );
}
