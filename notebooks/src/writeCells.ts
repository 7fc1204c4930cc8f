/**
 * Writes the TypeScript cells of each notebook to a module of its own in `cells`, for the compiler to check: all other
 * lines are left empty, so that an error's line is the notebook's. `node --import tsx src/writeCells.ts`
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** The lines of the TypeScript cells in their place, and `export {}` for the first, which makes it a module. */
export function cellsOf(notebook: string): string {
  let inside = false;
  const lines = notebook.split("\n").map((line) => {
    if (line.startsWith("  <script")) inside = line.includes('type="text/x-typescript"');
    else if (line.startsWith("  </script>")) inside = false;
    else if (inside) return line.slice(4);
    return "";
  });
  return ["export {};", ...lines.slice(1)].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const folder = fileURLToPath(new URL("..", import.meta.url));
  const cells = join(folder, "cells");
  rmSync(cells, { recursive: true, force: true });
  mkdirSync(cells);
  for (const name of readdirSync(folder).filter((name) => name.endsWith(".html")))
    writeFileSync(join(cells, name.replace(".html", ".ts")), cellsOf(readFileSync(join(folder, name), "utf8")));
}
