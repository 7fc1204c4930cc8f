import { spawn, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../../", import.meta.url));

/** How a command ended, and what it said. */
export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CommandOptions {
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** The user who runs it, where the tests' own may do everything. */
  readonly uid?: number;
  /** Sees the process, and what it has said on standard error so far. */
  readonly watch?: (child: ChildProcess, stderr: string) => void;
}

/** Runs the command `tessera` as a user does, from its sources, in the repository's root. */
export function tessera(args: readonly string[], { env, uid, watch }: CommandOptions = {}): Promise<Outcome> {
  const child = spawn(process.execPath, ["--conditions=source", "--import", "tsx", "apps/cli/src/main.ts", ...args], {
    cwd: root,
    uid,
    env: { ...process.env, ...env },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text: string) => void (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    stderr += text;
    watch?.(child, stderr);
  });
  return new Promise((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
}
