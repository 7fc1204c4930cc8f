import { execFile } from "node:child_process";
import { availableParallelism, cpus, loadavg, totalmem } from "node:os";
import { promisify } from "node:util";
import type { Machine } from "../result.ts";

/** This machine now, for the head of a result. */
export async function machine(backend: string): Promise<Machine> {
  const [load] = loadavg();
  return {
    date: new Date().toISOString(),
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: availableParallelism(),
    memoryBytes: totalmem(),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    v8: process.versions.v8,
    load: Math.round(100 * load) / 100,
    commit: await commit(),
    backend,
  };
}

async function commit(): Promise<string | undefined> {
  const git = async (...args: string[]) => (await promisify(execFile)("git", args)).stdout.trim();
  try {
    const changed = await git("status", "--porcelain", "--untracked-files=no");
    return `${await git("rev-parse", "--short=12", "HEAD")}${changed ? "+" : ""}`;
  } catch {
    return undefined; // no git, or no repository
  }
}
