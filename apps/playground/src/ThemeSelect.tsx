import { effect, signal } from "@preact/signals";
import { recall, remember } from "./remembered.ts";

const themes = ["system", "light", "dark"] as const;
type Theme = (typeof themes)[number];
const key = "tessera.theme";

/** The one that was chosen. */
export const theme = signal<Theme>(themes.find((name) => name === recall(key)) ?? "system");
effect(() => {
  document.documentElement.dataset.theme = theme.value;
});

/** Light, dark, or as the system is set. Remembered. */
export const ThemeSelect = () => (
  <label class="theme">
    Theme
    <select value={theme} onChange={({ currentTarget }) => choose(currentTarget.value as Theme)}>
      {themes.map((name) => (
        <option key={name} value={name}>
          {name}
        </option>
      ))}
    </select>
  </label>
);

function choose(name: Theme): void {
  theme.value = name;
  remember(key, name);
}
