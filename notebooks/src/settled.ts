import { runtime } from "@observablehq/notebook-kit/runtime";

/** What is read of @observablehq/runtime, which has neither types nor an official way to ask. */
interface Cells {
  readonly _variables: ReadonlySet<{ readonly _promise?: Promise<unknown> }>;
  _compute(): Promise<void>;
}

/** Says on the page whether cells are still at work (`<main data-cells="running">`) or all have run ("done"). */
async function watch(main: HTMLElement): Promise<void> {
  const cells: Cells = runtime;
  const promises = () => Array.from(cells._variables, (variable) => variable._promise);
  const same = (a: readonly unknown[], b: readonly unknown[]) => a.length === b.length && a.every((x, i) => x === b[i]);
  main.dataset.cells = "running";
  for (let before: readonly unknown[] = []; ;) {
    await cells._compute();
    const now = promises();
    await Promise.allSettled(now);
    if (same(now, before) && same(now, promises())) break;
    before = now;
  }
  main.dataset.cells = "done";
}

addEventListener("load", () => void watch(document.querySelector("main")!));
