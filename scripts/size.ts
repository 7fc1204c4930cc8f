/** Prints the lines of code of every folder, tests apart, and fails where a package outgrows its budget. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The most lines of code (neither blank nor comment, tests not counted) that a package may have. */
const budgets: Record<string, number> = {
  "packages/bench": 6900,
  "packages/kernels": 9400,
  "packages/models": 2500,
  "packages/pipelines": 2800,
  "packages/safetensors": 1800,
  "packages/sampling": 2000,
  "packages/sparse": 800,
  "packages/testing": 800,
  "apps/cli": 2500,
  "apps/playground": 3600,
  notebooks: 400,
};

/** Lines that are neither blank nor wholly comment. */
export function linesOfCode(source: string): number {
  const isCode = (line: string) => !/^\s*($|\/\/|\/\*|\*)/.test(line);
  return source.split("\n").filter(isCode).length;
}

export interface Size {
  readonly folder: string;
  readonly code: number;
  readonly tests: number;
}

/** One row for each folder under `src`, two levels deep. */
export function sizes(folder: string): Size[] {
  const rows = new Map<string, { code: number; tests: number }>();
  for (const name of readdirSync(join(folder, "src"), { recursive: true, encoding: "utf8" })) {
    if (!/\.(tsx?|css|html)$/.test(name)) continue;
    const part = name.includes("/") ? name.split("/")[0] : ".";
    const row = rows.get(part) ?? { code: 0, tests: 0 };
    row[name.endsWith(".test.ts") ? "tests" : "code"] += linesOfCode(readFileSync(join(folder, "src", name), "utf8"));
    rows.set(part, row);
  }
  return [...rows].sort().map(([part, row]) => ({ folder: part, ...row }));
}

function main(repository: string): void {
  const print = (name: string, code: number | string, tests: number | string, note = "") =>
    console.log(`${name.padEnd(28)}${String(code).padStart(7)}${String(tests).padStart(7)}  ${note}`.trimEnd());
  print("lines of code", "code", "tests");
  for (const [folder, budget] of Object.entries(budgets)) {
    if (!existsSync(join(repository, folder, "src"))) continue;
    const rows = sizes(join(repository, folder));
    const total = (key: "code" | "tests") => rows.reduce((sum, row) => sum + row[key], 0);
    const over = total("code") > budget;
    print(folder, total("code"), total("tests"), over ? `OVER its budget of ${budget}` : `of ${budget}`);
    for (const row of rows) print(`  ${row.folder}`, row.code, row.tests);
    if (over) process.exitCode = 1;
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(join(dirname(fileURLToPath(import.meta.url)), ".."));
