import { nullBackend } from "@tessera/kernels/null";
import * as v from "valibot";
import { describe, expect, test } from "vitest";
import type { Machine } from "../result.ts";
import { experiment, type Laboratory } from "./experiment.ts";
import { runMarkdown } from "./markdown.ts";
import { begin, merged, missing, proceed } from "./reproduce.ts";
import { exactly, impossible, measured, roundsTo } from "./rows.ts";
import { parseRuns, type PaperFigure, type Run } from "./run.ts";

/** Squares of the first numbers; `done` says which parts were computed. */
function squares(done: number[] = []) {
  return experiment({
    id: "squares",
    question: "What are the squares?",
    outcome: v.object({ square: v.number() }),
    parts: ({ pictures }) =>
      Array.from({ length: pictures }, (_, i) => ({
        name: `${i}`,
        run: async () => {
          done.push(i);
          return { square: i * i };
        },
      })),
    tables: (outcomes) => [
      {
        title: "Squares",
        rows: [...outcomes].map(([name, { square }]) =>
          exactly({ subject: name, quantity: "square", unit: "" }, square),
        ),
      },
    ],
  });
}

const machine: Machine = {
  date: "2026-01-02T03:04:05.000Z",
  cpu: "abacus",
  cores: 2,
  memoryBytes: 1,
  platform: "test",
  node: "v20",
  v8: "11",
  load: 0,
  commit: "0123456789ab",
  backend: "null",
};
const settings = { quick: true, pictures: 5, backend: "null" };

function laboratory(controller = new AbortController()): Laboratory {
  const unused = () => Promise.reject(new Error("not used"));
  return {
    ...settings,
    backend: nullBackend(),
    signal: controller.signal,
    townscapes: unused,
    evalnet: unused,
    limits: unused,
    once: (_, make) => make(),
    say: () => {},
  };
}

async function last(runs: AsyncIterable<Run>): Promise<Run> {
  let run: Run | undefined;
  for await (run of runs);
  return run!;
}
/** What does not depend on when and where a run was made. */
const timeless = ({ parts, ...run }: Run) => ({
  ...run,
  machines: run.machines.length > 0,
  parts: parts.map(({ name, outcome }) => ({ name, outcome })),
});

test("a run keeps what is done after each part, and a run that was stopped goes on where it was", async () => {
  const done: number[] = [];
  const controller = new AbortController();
  let kept = begin(squares(), settings);
  const stopped = (async () => {
    for await (kept of proceed(squares(done), kept, laboratory(controller), machine))
      if (kept.parts.length === 2) controller.abort(new Error("killed"));
  })();
  await expect(stopped).rejects.toThrow("killed");
  expect([done, missing(kept), kept.tables]).toEqual([[0, 1], ["2", "3", "4"], []]);

  const read = parseRuns(JSON.stringify([kept]), "squares.unfinished.json")[0];
  const finished = await last(proceed(squares(done), read, laboratory(), machine));
  expect(done).toEqual([0, 1, 2, 3, 4]);
  expect(finished.machines).toHaveLength(2);
  expect(finished.parts.map(({ machine }) => machine)).toEqual([0, 0, 1, 1, 1]);
  expect(timeless(finished)).toEqual(
    timeless(await last(proceed(squares(), begin(squares(), settings), laboratory(), machine))),
  );
});

describe("shards", () => {
  const shardOf = (index: number, of: number) =>
    last(proceed(squares(), begin(squares(), { ...settings, shard: { index, of } }), laboratory(), machine));
  const whole = () => last(proceed(squares(), begin(squares(), settings), laboratory(), machine));

  test.each([1, 2, 3, 7])("%i of them, merged, equal one run exactly", async (of) => {
    const shards = await Promise.all(Array.from({ length: of }, (_, i) => shardOf(i, of)));
    const one = await merged(squares(), shards.toReversed());
    expect(timeless(one)).toEqual(timeless(await whole()));
    expect(runMarkdown(one)).toBe(runMarkdown(await whole()));
  });

  test("one that is missing is named", async () => {
    const two = [await shardOf(0, 3), await shardOf(2, 3)];
    await expect(merged(squares(), two)).rejects.toThrow(
      'squares: 2 of 5 parts are missing, such as "1". There is no finished shard 1/3.',
    );
  });

  test("those of other settings or commits do not belong together", async () => {
    const [a, b] = [await shardOf(0, 2), await shardOf(1, 2)];
    await expect(merged(squares(), [a, { ...b, quick: false }])).rejects.toThrow(
      "shard 1/2 was run with other settings",
    );
    const elsewhere = { ...b, machines: [{ ...machine, commit: "other" }] };
    await expect(merged(squares(), [a, elsewhere])).rejects.toThrow("shard 1/2 was run at commit other");
    await expect(merged(squares(), [a, a, b])).rejects.toThrow('part "0" is in two shards');
  });

  test("a part whose outcome is not of the experiment's schema is named", async () => {
    const [a, b] = [await shardOf(0, 2), await shardOf(1, 2)];
    const broken = { ...b, parts: b.parts.map((part) => ({ ...part, outcome: { square: "nine" } })) };
    await expect(merged(squares(), [a, broken])).rejects.toThrow('squares, part "1": square: Invalid type');
  });
});

describe("result files", () => {
  test("a broken one is named, with the field", () => {
    expect(() => parseRuns("[{", "results/x.json")).toThrow("results/x.json is no JSON");
    const run = begin(squares(), settings);
    const wrong = [{ ...run, machines: [{ ...machine, cores: "two" }] }];
    expect(() => parseRuns(JSON.stringify(wrong), "results/x.json")).toThrow(
      "results/x.json is no list of runs: 0.machines.0.cores: Invalid type",
    );
  });
});

describe("rows", () => {
  const about = { subject: "this", quantity: "number", unit: "M" };
  const paper: PaperFigure = { value: 7.1, unit: "M", source: "Somebody 2020, Table 1", certainty: "memory" };

  test("an exact number that is not the paper's must say why, and says by how much", () => {
    expect(exactly(about, 7.149, { paper })).toMatchObject({ ratio: 7.149 / 7.1 });
    expect(exactly(about, 7.149, { paper }).note).toBeUndefined();
    expect(() => exactly(about, 7.2, { paper })).toThrow("this, number: 7.2 for 7.1 M: say why");
    expect(exactly(about, 7.2, { paper, note: "another mask" }).note).toBe("+1.41 %: another mask");
    expect(() => exactly({ ...about, unit: "G" }, 7.1, { paper })).toThrow("ours is in G, the paper's in M");
  });

  test.each([
    [7.15, 7.1, true],
    [7.151, 7.1, false],
    [386.49, 386, true],
    [386.51, 386, false],
  ])("%d rounds to %d: %s", (value, printed, expected) => expect(roundsTo(value, printed)).toBe(expected));

  test("tables have the paper, ours, their ratio, and how it was come by", () => {
    const time = { value: 1234.5, spread: 12.3, samples: 5 };
    const run = {
      ...begin(squares(), settings),
      machines: [machine],
      tables: [
        {
          title: "Numbers",
          rows: [
            exactly(about, 7.149, { paper }),
            measured({ ...about, quantity: "time", unit: "ms" }, time),
            impossible({ ...about, quantity: "dream" }, "a phone"),
          ],
          findings: ["It is so."],
        },
      ],
    };
    expect(runMarkdown(run)).toMatchInlineSnapshot(`
      "## squares

      **What are the squares?**

      ### Numbers

      | what | quantity | paper | ours | ratio | how obtained |
      | --- | --- | ---: | ---: | ---: | --- |
      | this | number | 7.1 M (memory) | 7.149 M | 1.01 | computed exactly |
      | this | time | – | 1,235 ± 12 ms | – | measured here |
      | this | dream | – | – | – | not possible without a phone |

      - It is so.

      Paper: Somebody 2020, Table 1 (from memory, not checked against the paper: marked (memory)).

      Quick run on abacus, 2 cores; null; Node v20; commit 0123456789ab; 2026-01-02."
    `);
  });
});
