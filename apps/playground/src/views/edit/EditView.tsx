import { useEffect, useMemo, useRef } from "preact/hooks";
import { ProgressLine } from "../../ProgressLine.tsx";
import { submits } from "../generate/PromptForm.tsx";
import { Help } from "./Help.tsx";
import { DrawingPane, ResultPane } from "./Panes.tsx";
import { zoomBy } from "./pointer.ts";
import { Report } from "./Report.tsx";
import type { EditRoom } from "./room.ts";
import { sample, sampleHint, sampleSettings } from "./sample.ts";
import { chordOf, shortcutsOf } from "./shortcuts.ts";
import { Toolbar } from "./Toolbar.tsx";

/** The second room: a picture is painted on, and the model redoes what was painted. */
export function EditView({ room }: { room: EditRoom }) {
  const chooser = useRef<HTMLInputElement>(null);
  const dialog = useRef<HTMLDialogElement>(null);
  const main = useRef<HTMLElement>(null);
  const { busy, cancelled, failure } = room.studio;
  const openFile = () => chooser.current?.click();
  const shortcuts = useMemo(
    () =>
      shortcutsOf({
        openFile,
        help: () => dialog.current?.showModal(),
        zoom: (factor) => {
          const canvas = main.current?.querySelector("canvas");
          if (canvas) zoomBy(room, canvas, factor);
        },
      }),
    [room],
  );

  useEffect(() => {
    const stop = new AbortController();
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const typing = target.matches("textarea, select, input:not([type=range], [type=checkbox], [type=color])");
      const chord = submits(event) ? "ctrl+enter" : chordOf(event);
      if (event.key === " " && !target.closest("button, a, input, textarea, select")) {
        room.panning.value = true;
        event.preventDefault();
      }
      if (dialog.current?.open || (typing && !/^(esc|ctrl\+(enter|o|s))$/.test(chord))) return;
      const shortcut = shortcuts.find(({ keys }) => keys.some((key) => key.toLowerCase() === chord));
      if (!shortcut) return;
      event.preventDefault();
      shortcut.act(room);
    };
    const release = () => void (room.panning.value = false);
    const onPaste = (event: ClipboardEvent) => {
      const file = event.clipboardData?.files[0];
      if (!file) return;
      event.preventDefault();
      void room.open(file, file.name);
    };
    const heard = { keydown: onKey, keyup: release, blur: release, paste: onPaste };
    for (const [type, hear] of Object.entries(heard))
      addEventListener(type, hear as () => void, { signal: stop.signal });
    return () => stop.abort();
  }, [room, shortcuts]);

  const openSample = async () => {
    const picture = await fetch(sample).catch(() => undefined);
    if (!picture?.ok) room.message.value = "The sample did not come. Check the connection, or open a picture of yours.";
    else if (await room.open(await picture.blob(), "The sample", sampleSettings)) room.message.value ||= sampleHint;
  };

  return (
    <main class="edit stack" ref={main}>
      <input
        ref={chooser}
        class="unseen"
        type="file"
        accept="image/*"
        tabIndex={-1}
        aria-label="Picture to open"
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0];
          if (file) void room.open(file, file.name);
          currentTarget.value = "";
        }}
      />
      {room.message.value && (
        <p class="message row" role="status">
          {room.message.value}
          <button type="button" class="quiet" onClick={() => (room.message.value = "")}>
            Close
          </button>
        </p>
      )}
      {room.drawing.value ? (
        <>
          <Toolbar room={room} onHelp={() => dialog.current?.showModal()} />
          <div class="panes">
            <DrawingPane room={room} onOpen={openFile} />
            <ResultPane room={room} />
          </div>
          <Report room={room} />
        </>
      ) : (
        <div class="start card stack">
          <h2>Change a corner, compute a corner</h2>
          <p>
            Paint on a picture. When you lift the pen, the model turns your paint into a part of the picture, and
            computes only the tiles that it touches.
          </p>
          <div class="row">
            <button type="button" class="main" onClick={() => void openSample()}>
              Open the sample
            </button>
            <button type="button" onClick={openFile}>
              Open a picture…
            </button>
            <a class="button" href="#">
              Make one
            </a>
          </div>
          <p>Or drop one here, or paste it. It stays on this device.</p>
          {(busy.value || cancelled.value || failure.value) && (
            <ProgressLine studio={room.studio} rest="" done={false} />
          )}
        </div>
      )}
      <Help shortcuts={shortcuts} dialog={dialog} />
    </main>
  );
}
