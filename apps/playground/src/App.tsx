import { StatusStrip } from "./StatusStrip.tsx";
import type { Studio } from "./studio.ts";
import { ThemeSelect } from "./ThemeSelect.tsx";
import { GenerateView } from "./views/generate/GenerateView.tsx";

/** The page: a header, the room, and what the room runs on. */
export const App = ({ studio }: { studio: Studio }) => (
  <>
    <header class="top">
      <Logo />
      <h1>Tessera</h1>
      <p>A sentence becomes a picture on this device. Nothing leaves it.</p>
      <ThemeSelect />
    </header>
    <GenerateView studio={studio} />
    <StatusStrip studio={studio} />
  </>
);

const Logo = () => (
  <svg class="logo" viewBox="0 0 32 32" aria-hidden="true">
    <path d="M2 2h13v8H2z" />
    <path d="M17 2h13v13H17z" />
    <path d="M2 12h13v18H2z" />
    <path d="M17 17h6v13h-6z" />
    <path d="M25 17h5v13h-5z" />
  </svg>
);
