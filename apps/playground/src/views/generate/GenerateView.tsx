import { useEffect, useRef } from "preact/hooks";
import type { Studio } from "../../studio.ts";
import { PromptForm } from "./PromptForm.tsx";
import { Settings } from "./settings.ts";
import { Stage } from "./Stage.tsx";

/** The first room: a prompt becomes a picture. */
export function GenerateView({ studio }: { studio: Studio }) {
  const settings = useRef<Settings>(null as never);
  settings.current ??= new Settings(location.hash);

  const generate = async () => {
    if (studio.busy.value) return;
    history.replaceState(null, "", `#${settings.current.hash.value}`);
    document.querySelector(".progress")?.scrollIntoView({ block: "nearest" }); // a small screen shows one thing at a time
    await studio.generate(settings.current.request());
  };

  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") studio.cancel();
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      document.querySelector<HTMLFormElement>("form.prompt")?.requestSubmit();
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [studio]);

  return (
    <main class="generate">
      <PromptForm studio={studio} settings={settings.current} onGenerate={() => void generate()} />
      <Stage studio={studio} />
    </main>
  );
}
