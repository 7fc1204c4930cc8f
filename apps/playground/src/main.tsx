import { render } from "preact";
import { App } from "./App.tsx";
import { startEngine } from "./remoteEngine.ts";
import { Studio } from "./studio.ts";

const studio = new Studio(startEngine(), new URL("checkpoints/townscapes-sd/", document.baseURI).href);
void studio.open("auto");
render(<App studio={studio} />, document.querySelector("#app")!);
