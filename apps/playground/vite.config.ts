import { fileURLToPath } from "node:url";
import preact from "@preact/preset-vite";
import { defineConfig, mergeConfig } from "vite";
import { offlinePage } from "../../scripts/offlinePage.ts";

export default defineConfig(
  mergeConfig(offlinePage(), {
    root: fileURLToPath(new URL(".", import.meta.url)),
    base: "./",
    appType: "mpa", // a file that is not there is a 404
    optimizeDeps: { entries: ["index.html", "src/worker.ts"] },
    plugins: [preact()],
    build: { chunkSizeWarningLimit: 1000 },
  }),
);
