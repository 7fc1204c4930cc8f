import { execFile } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { backends } from "@tessera/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const repository = fileURLToPath(new URL("..", import.meta.url));
const page = readFileSync(join(repository, "docs/adding.md"), "utf8");
/** The page's code blocks that name a file: what the file is (`ts`), or what is added to it (`diff`). */
const blocks = [...page.matchAll(/^```(ts|diff) (\S+)\n(.*?)^```$/gms)].map(([, kind, path, text]) => ({
  kind,
  path,
  text,
}));
const example = blocks.find(({ path }) => path === "example.ts")!.text;

/** `source` with the `+` lines of a diff, each after the line that stands above it there. */
function patched(source: string, diff: string): string {
  const lines = source.split("\n");
  let at = -1;
  for (const line of diff.trimEnd().split("\n")) {
    if (line.startsWith("+")) lines.splice(++at, 0, line.slice(1));
    else at = lines.indexOf(line.slice(1), at + 1);
    if (at < 0) throw new Error(`docs/adding.md shows a line that is not in the file: ${line}`);
  }
  return lines.join("\n");
}

const devices = await backends();

/** A copy of what `kernels` is compiled from, in which the page's advice is followed. */
const copy = mkdtempSync(join(tmpdir(), "tessera-adding-"));
const kernels = join(copy, "packages/kernels");

function follow(only: (path: string) => boolean = () => true): void {
  for (const { kind, path, text } of blocks) {
    if (path === "example.ts") continue;
    const original = () => readFileSync(join(repository, path), "utf8");
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    writeFileSync(join(copy, path), kind === "ts" ? text : only(path) ? patched(original(), text) : original());
  }
}

/** Runs a program in the copy: its exit status, and all that it printed. */
async function run(...command: [file: string, ...args: string[]]): Promise<{ status: number; output: string }> {
  const [file, ...args] = command;
  const ran = promisify(execFile)(file, args, { cwd: kernels });
  return ran.then(
    ({ stdout, stderr }) => ({ status: 0, output: stdout + stderr }),
    (error) => ({ status: Number(error.code), output: `${error.stdout}${error.stderr}` }),
  );
}
const compileCopy = () => run(process.execPath, join(repository, "node_modules/typescript/lib/tsc.js"), "--noEmit");

beforeAll(() => {
  symlinkSync(join(repository, "node_modules"), join(copy, "node_modules"));
  cpSync(join(repository, "tsconfig.base.json"), join(copy, "tsconfig.base.json"));
  for (const part of ["package.json", "tsconfig.json", "src"])
    cpSync(join(repository, "packages/kernels", part), join(kernels, part), {
      recursive: true,
      filter: (path) => !path.endsWith(".test.ts"),
    });
  mkdirSync(join(kernels, "examples"));
});
afterAll(() => rmSync(copy, { recursive: true }));

describe("what docs/adding.md says", () => {
  test("compiles", async () => {
    follow();
    expect(await compileCopy()).toEqual({ status: 0, output: "" });
  });

  test.each(devices)("prints what it promises, on $name", async ({ name }) => {
    follow();
    const promised = /\/\/ (.*)\n/.exec(example)![1];
    const program = example.replaceAll("reference", name).replace(`= ${name}()`, `= await ${name}()`);
    writeFileSync(join(kernels, "examples/adding.ts"), program);
    const { status, output } = await run(
      process.execPath,
      "--conditions=source",
      "--import",
      "tsx",
      "examples/adding.ts",
    );
    expect(output.split("\n")).toContain(promised);
    expect(status).toBe(0);
  });

  test.each(["webgpu", "wasm"])(
    "a kernel that is forgotten in the ladders of %s is a compile error",
    async (backend) => {
      const table = `packages/kernels/src/${backend}/ladders.ts`;
      follow((path) => path !== table);
      const { status, output } = await compileCopy();
      expect(status).not.toBe(0);
      expect(output).toContain(`src/${backend}/backend.ts`);
      expect(output).toContain("Property 'globalMean' is missing");
    },
  );
});
