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
  const here = rooms.find((room) => room.address === address.value) ?? rooms[0];
  const edit = async (picture: Picture) => {
    await room.openMade(picture);
    location.hash = "#edit";
  };
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
