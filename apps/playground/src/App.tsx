import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Picture } from "./engine.ts";
import { StatusStrip } from "./StatusStrip.tsx";
import type { Studio } from "./studio.ts";
import { ThemeSelect } from "./ThemeSelect.tsx";
import { BenchView } from "./views/bench/BenchView.tsx";
import { EditView } from "./views/edit/EditView.tsx";
import { EditRoom } from "./views/edit/room.ts";
import { GenerateView } from "./views/generate/GenerateView.tsx";
import { Settings } from "./views/generate/settings.ts";

/** Rooms and what they are about; the first has every address that no other has, its settings. */
const rooms = [
  { address: "", name: "Generate", motto: "A sentence becomes a picture on this device." },
  { address: "#edit", name: "Edit", motto: "Only what you paint is computed again." },
  { address: "#bench", name: "Bench", motto: "How fast is this device, and what makes it so?" },
];

const roomAt = (hash: string) => rooms.find(({ address }) => address === hash) ?? rooms[0];

/** The page: a header, one of the rooms, and what they run on. The address says which room. */
export function App({ studio }: { studio: Studio }) {
  const address = useSignal(location.hash);
  const settings = useMemo(() => new Settings(location.hash), []);
  const room = useMemo(() => new EditRoom(studio), [studio]);
  const here = roomAt(address.value);
  /** On leaving the first room, its address keeps what is in the form. */
  const keep = () => {
    if (roomAt(location.hash) === rooms[0]) history.replaceState(null, "", `#${settings.hash}`);
  };
  const goEdit = () => {
    keep();
    location.hash = "#edit";
  };
  const edit = async (picture: Picture) => {
    await room.openMade(picture);
    goEdit();
  };

  useEffect(() => {
    const stop = new AbortController();
    const onHash = () => {
      const { hash } = location;
      address.value = hash;
      if (hash && roomAt(hash) === rooms[0]) settings.read(hash);
    };
    const onDrag = (event: DragEvent) => {
      if (!event.dataTransfer?.types.includes("Files")) return; // text goes where it is dropped
      event.preventDefault();
      document.body.dataset.dropping = String(event.type === "dragover");
      const file = event.type === "drop" && event.dataTransfer.files[0];
      if (!file) return;
      goEdit();
      void room.open(file, file.name);
    };
    const onLeave = (event: Event) => void (room.unsaved && event.preventDefault());
    const heard = { hashchange: onHash, dragover: onDrag, dragleave: onDrag, drop: onDrag, beforeunload: onLeave };
    for (const [type, hear] of Object.entries(heard))
      addEventListener(type, hear as () => void, { signal: stop.signal });
    return () => stop.abort();
  }, []);
  useEffect(() => {
    document.title = here === rooms[0] ? "Tessera playground" : `${here.name} · Tessera playground`;
  }, [here]);
  return (
    <>
      <header class="top row">
        <Logo />
        <h1>Tessera</h1>
        <nav class="row" aria-label="Rooms">
          {rooms.map((room) => (
            <a
              key={room.name}
              class="button"
              href={room.address || `#${settings.hash}`}
              onClick={keep}
              aria-current={room === here ? "page" : undefined}
            >
              {room.name}
            </a>
          ))}
        </nav>
        <p>{here.motto} Nothing leaves it.</p>
        <ThemeSelect />
      </header>
      {here.name === "Edit" ? (
        <EditView room={room} />
      ) : here.name === "Bench" ? (
        <BenchView studio={studio} />
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
