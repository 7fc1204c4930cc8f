import { useEffect } from "preact/hooks";
import type { Picture } from "../../engine.ts";
import type { Studio } from "../../studio.ts";
import { PromptForm, submits } from "./PromptForm.tsx";
import type { Settings } from "./settings.ts";
import { Stage } from "./Stage.tsx";

interface GenerateViewProps {
  readonly studio: Studio;
  readonly settings: Settings;
  onEdit(picture: Picture): void;
}

/** The first room: a prompt becomes a picture. */
export function GenerateView({ studio, settings, onEdit }: GenerateViewProps) {
  const generate = async () => {
    history.replaceState(null, "", `#${settings.hash.value}`);
    document.querySelector(".progress")?.scrollIntoView({ block: "nearest" }); // a small screen shows one thing at a time
    await studio.generate(settings.request());
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") studio.cancel();
      if (!submits(event)) return;
      event.preventDefault();
      document.querySelector<HTMLFormElement>("form.prompt")?.requestSubmit();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [studio]);

  return (
    <main class="generate">
      <PromptForm studio={studio} settings={settings} onGenerate={() => void generate()} />
      <Stage studio={studio} onEdit={onEdit} />
    </main>
  );
}
