import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { commitOf } from "./commitOf.ts";

let folder: string;
const at = (...path: string[]) => join(folder, ...path);
const git = (...args: string[]) =>
  execFileSync("git", ["-c", "user.name=x", "-c", "user.email=x@x", ...args], { cwd: folder, encoding: "utf8" }).trim();

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tessera-commit-"));
  for (const name of ["code", "results", "installed"]) await mkdir(at(name));
  for (const name of ["code", "results"]) await writeFile(at(name, "file"), "1");
  git("init", "-q");
  git("add", ".");
  git("commit", "-q", "-m", "one");
  await writeFile(at("installed", "file"), "1"); // not in the repository, as node_modules is not
});
afterAll(() => rm(folder, { recursive: true }));

test("results may change, code may not", async () => {
  const commit = git("rev-parse", "--short=12", "HEAD");
  expect(await commitOf(at("code"))).toBe(commit);
  await writeFile(at("results", "file"), "2");
  expect(await commitOf(at("code"))).toBe(commit);
  await writeFile(at("code", "file"), "2");
  expect(await commitOf(at("code"))).toBe(`${commit}+`);
});

test("a repository around an installed package is not its own", async () => {
  expect(await commitOf(at("installed"))).toBeUndefined();
  expect(await commitOf(tmpdir())).toBeUndefined();
});
