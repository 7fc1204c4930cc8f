import { mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseRuns, type Run } from "@tessera/bench";
import { tessera } from "@tessera/testing";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

let out: string;
beforeEach(async () => void (out = await mkdtemp(join(tmpdir(), "tessera-reproduce-"))));
afterEach(() => rm(out, { recursive: true }));

const reproduce = (...args: string[]) => tessera(["reproduce", "--out", out, ...args]);

const small = ["winograd-tiles", "--quick", "--backend", "null"];
const runs = async (name: string): Promise<Run[]> => parseRuns(await readFile(join(out, name), "utf8"), name);

describe("reproduce", () => {
  test("lists questions", async () => {
    const { code, stdout } = await reproduce("--list");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^winograd-tiles +What does a larger Winograd tile save/m);
  });

  test("an experiment about another backend says which", async () => {
    const { code, stderr } = await reproduce("gpu", "--quick");
    expect([code, stderr]).toEqual([1, "error: gpu is about webgpu. Add --backend webgpu.\n"]);
  });

  test("prints a table, and appends a result at each run", async () => {
    const first = await reproduce(...small);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout).toContain("| what | quantity | paper | ours | ratio | how obtained |");
    expect(first.stdout).toContain(
      "| F(4×4, 3×3) | saving of multiplications | 4× (memory) | 4× | 1 | computed exactly |",
    );
    await reproduce(...small);
    const two = await runs("winograd-tiles.json");
    expect(two.map(({ machines }) => machines.length)).toEqual([1, 1]);
    expect(two[1].tables).toEqual(two[0].tables);
    expect(await readdir(out)).toEqual(["winograd-tiles.json"]);
  });

  test("shards, merged, are one run", async () => {
    await reproduce(...small);
    const [whole] = await runs("winograd-tiles.json");
    await rm(join(out, "winograd-tiles.json"));
    for (const shard of ["0/2", "1/2"]) expect((await reproduce(...small, "--shard", shard)).code).toBe(0);
    const { code, stdout } = await reproduce("merge");
    expect(code).toBe(0);
    const [merged] = await runs("winograd-tiles.json");
    expect(merged.tables).toEqual(whole.tables);
    expect(merged.parts.map(({ name, outcome }) => ({ name, outcome }))).toEqual(
      whole.parts.map(({ name, outcome }) => ({ name, outcome })),
    );
    expect(stdout).toContain("## winograd-tiles");
  });

  test("a run that was killed goes on with --resume, and only then", async () => {
    await reproduce(...small);
    const [whole] = await runs("winograd-tiles.json");
    const unfinished = join(out, "winograd-tiles.unfinished.json");
    await rename(join(out, "winograd-tiles.json"), unfinished);
    await writeFile(unfinished, JSON.stringify([{ ...whole, parts: whole.parts.slice(0, 1), tables: [] }]));
    const refused = await reproduce(...small);
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("winograd-tiles.unfinished.json holds 1 of 4 parts");
    const other = await reproduce("winograd-tiles", "--backend", "null", "--resume");
    expect(other.stderr).toContain("was begun with --backend null --pictures 4 --quick");
    const resumed = await reproduce(...small, "--resume");
    expect(resumed.code, resumed.stderr).toBe(0);
    expect(resumed.stderr).toContain("goes on; 3 parts are left");
    expect((await runs("winograd-tiles.json"))[0].tables).toEqual(whole.tables);
    expect(await readdir(out)).toEqual(["winograd-tiles.json"]);
    expect((await reproduce(...small, "--resume")).stderr).toContain("finished at this commit");
  });

  test("a folder that cannot be made, or holds nothing, is said at once", async () => {
    const file = join(out, "file");
    await writeFile(file, "");
    const into = await reproduce(...small, "--out", join(file, "results"));
    expect(into).toMatchObject({ code: 1, stdout: "" });
    expect(into.stderr).toMatch(/^error: The folder \S+\/file\/results cannot be made: .* Choose another one\.\n$/);
    const nothing = await reproduce("merge", "--out", join(out, "nowhere"));
    expect([nothing.code, nothing.stderr]).toEqual([1, expect.stringContaining("nowhere holds no finished shards")]);
    expect(await readdir(out)).toEqual(["file"]);
  });

  test("a broken result file is named, and left as it is", async () => {
    await writeFile(join(out, "winograd-tiles.json"), '[{ "experiment": "winograd-tiles" }]');
    const { code, stderr } = await reproduce(...small);
    expect(code).toBe(1);
    expect(stderr).toMatch(/winograd-tiles\.json is no list of runs: 0\.question: Invalid key/);
    expect(await readFile(join(out, "winograd-tiles.json"), "utf8")).toBe('[{ "experiment": "winograd-tiles" }]');
  });

  test.each([
    [["--shard", "2/2", "all"], 2, "i from 0 to n − 1"],
    [["everything"], 2, "Allowed choices are winograd-tiles"],
    [["merge"], 1, "holds no finished shards"],
    [[], 1, "Say what to redo"],
  ])("%j is refused", async (args, expected, message) => {
    const { code, stderr } = await reproduce(...args);
    expect(stderr).toContain(message);
    expect(code).toBe(expected);
  });
});
