import { execFile } from "node:child_process";
import { promisify } from "node:util";

/**
 * The commit that the code in a folder is of, with a `+` where files that it may depend on have changed since. Results and
 * documents are none of these: a run writes them itself, and shall be the same run after it has.
 *
 * @returns undefined where there is no git, no repository, or one that does not hold the folder's files
 */
export async function commitOf(folder: string): Promise<string | undefined> {
  const git = async (...args: string[]) => (await promisify(execFile)("git", args, { cwd: folder })).stdout.trim();
  try {
    if (!(await git("ls-files", "."))) return undefined; // installed inside another project
    const others = [":(top)", ":(top,exclude)results", ":(top,exclude)docs"];
    const changed = await git("status", "--porcelain", "--untracked-files=no", "--", ...others);
    return `${await git("rev-parse", "--short=12", "HEAD")}${changed ? "+" : ""}`;
  } catch {
    return undefined;
  }
}
