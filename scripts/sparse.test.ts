import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { countHead, countRow } from "./sparse.ts";
import { editNetworks } from "@tessera/bench/experiments";

const published = readFileSync(new URL("../packages/sparse/macs.md", import.meta.url), "utf8");

test("the published counts are of all networks", () => {
  for (const text of [...countHead.split("\n"), ...Object.keys(editNetworks).map((name) => `| ${name} |`)])
    expect(squeezed(published)).toContain(squeezed(text));
});

test.each(["ddpm-church256", "pd-church256", "gaugan", "gan-compression"])(
  "the published counts of %s hold",
  (name) => {
    expect(squeezed(published)).toContain(squeezed(countRow(name)));
  },
);

/** Without the padding that a formatter gives tables. */
function squeezed(text: string): string {
  return text.replaceAll(/-+/g, "-").replaceAll(/ +/g, " ");
}
