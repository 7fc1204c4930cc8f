import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Picture } from "./engine.ts";
import { StatusStrip } from "./StatusStrip.tsx";
import type { Studio } from "./studio.ts";
import { ThemeSelect } from "./ThemeSelect.tsx";
import { EditView } from "./views/edit/EditView.tsx";
import { EditRoom } from "./views/edit/room.ts";
import { GenerateView } from "./views/generate/GenerateView.tsx";
import { Settings } from "./views/generate/settings.ts";

const editAddress = "#edit";

/** The page: a header, one of the rooms, and what they run on. The address says which room. */
export function App({ studio }: { studio: Studio }) {
  const address = useSignal(location.hash);
  const settings = useMemo(() => new Settings(location.hash), []);
  const room = useMemo(() => new EditRoom(studio), [studio]);
  useEffect(() => {
    const onHash = () => (address.value = location.hash);
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  }, []);
  const editing = address.value === editAddress;
  const edit = async (picture: Picture) => {
    await room.openMade(picture);
    location.hash = editAddress;
  };
  return (
    <>
      <header class="top row">
        <Logo />
        <h1>Tessera</h1>
        <nav class="row" aria-label="Rooms">
          <a class="button" href={`#${settings.hash}`} aria-current={editing ? undefined : "page"}>
            Generate
          </a>
          <a class="button" href={editAddress} aria-current={editing ? "page" : undefined}>
            Edit
          </a>
        </nav>
        <p>
          {editing ? "Only what you paint is computed again." : "A sentence becomes a picture on this device."} Nothing
          leaves it.
        </p>
        <ThemeSelect />
      </header>
      {editing ? (
        <EditView room={room} />
      ) : (
        <GenerateView studio={studio} settings={settings} onEdit={(picture) => void edit(picture)} />
      )}
      <StatusStrip studio={studio} />
    </>
  );
}

const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
    <path d="M2 2h13v8H2z" />
    <path d="M17 2h13v13H17z" />
    <path d="M2 12h13v18H2z" />
    <path d="M17 17h6v13h-6z" />
    <path d="M25 17h5v13h-5z" />
  </svg>
);
