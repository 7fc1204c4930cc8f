import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { tessera } from "@tessera/testing";
import { describe, expect, test } from "vitest";

const root = fileURLToPath(new URL("../", import.meta.url));
const read = (file: string) => readFileSync(join(root, file), "utf8");
/** The Markdown files of a folder and those in it, but for what is installed or built. */
const markdown = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (!entry.isDirectory()) return path.endsWith(".md") ? [path] : [];
    return /^(node_modules|dist|\..*)$/.test(entry.name) ? [] : markdown(path);
  });
const files = markdown("");
const scripts = ["package.json", "apps/playground/package.json"].flatMap((file) =>
  Object.keys((JSON.parse(read(file)) as { scripts: object }).scripts),
);

/** A heading's anchor, as GitHub makes it. */
const anchor = (heading: string) =>
  heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- ]/gu, "")
    .replaceAll(" ", "-");

/** Whether a link in a file leads to a file, and to a heading of it. */
function leads(from: string, link: string): boolean {
  const [path, heading] = link.split("#");
  const target = path ? join(dirname(from), path) : from;
  if (!existsSync(join(root, target))) return false;
  return !heading || [...read(target).matchAll(/^#+ (.*)$/gm)].some(([, text]) => anchor(text) === heading);
}

describe("documents", () => {
  test("links lead somewhere", () => {
    const dead = files.flatMap((file) =>
      [...read(file).matchAll(/\]\(([^)\s]+)\)/g)]
        .map(([, link]) => link)
        .filter((link) => !/^https?:/.test(link) && !leads(file, link))
        .map((link) => `${file}: ${link}`),
    );
    expect(dead).toEqual([]);
  });

  test("files that are named exist", () => {
    const missing = files.flatMap((file) =>
      [
        ...read(file).matchAll(
          /`((?:src|packages|apps|scripts|docs|fixtures|checkpoints|notebooks|examples)\/[\w./-]+)`/g,
        ),
      ]
        .filter(([, path]) => ![path, join(dirname(file), path)].some((at) => existsSync(join(root, at))))
        .map(([path]) => `${file}: ${path}`),
    );
    expect(missing).toEqual([]);
  });

  test("commands exist, with the options that are printed", async () => {
    const commands = files.flatMap((file) =>
      read(file)
        .replaceAll("\\\n", " ") // continued lines
        .split("\n")
        .flatMap((line) => [...line.matchAll(/(?:^\$? ?|`|&& )(?:npm run )?tessera (?:-- )?([a-z]+)([^#`|]*)/g)])
        .map(([text, name, rest]) => ({
          where: `${file}: ${text}`,
          name,
          options: rest.match(/(?<=\s|\[)--?[a-z-]+/g),
        })),
    );
    expect(commands.length).toBeGreaterThan(20);
    const help = new Map<string, string>();
    for (const { name } of commands) if (!help.has(name)) help.set(name, (await tessera([name, "--help"])).stdout);
    const known = (name: string, option: string) => new RegExp(`^  .*${option}(?=[ ,]|$)`, "m").test(help.get(name)!);
    const wrong = commands.filter(({ name, options }) => !help.get(name) || options?.some((one) => !known(name, one)));
    expect(wrong.map(({ where }) => where)).toEqual([]);
  });

  test("scripts of npm exist", () => {
    const missing = files.flatMap((file) =>
      [...read(file).matchAll(/npm run ([a-z:]+)/g)]
        .filter(([, script]) => !scripts.includes(script))
        .map(([command]) => `${file}: ${command}`),
    );
    expect(missing).toEqual([]);
  });
});
