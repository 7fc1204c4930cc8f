import type { Ref } from "preact";
import type { Shortcut } from "./shortcuts.ts";

/** All keys, in a dialog. */
export const Help = ({ shortcuts, dialog }: { shortcuts: readonly Shortcut[]; dialog: Ref<HTMLDialogElement> }) => (
  <dialog ref={dialog} class="help card" aria-label="Keys">
    <form method="dialog" class="stack">
      <h2>Keys</h2>
      <dl>
        {shortcuts.map(({ keys, does }) => (
          <div key={does} class="row">
            <dt>{does}</dt>
            <dd>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p>
        Wheel or two fingers zoom, Space or the middle button pan, Alt or the right button take a colour, Shift draws a
        straight line from the last stroke. With the drawing focused, arrows move a cursor and Enter paints.
      </p>
      <button type="submit" class="main">
        Close
      </button>
    </form>
  </dialog>
);
