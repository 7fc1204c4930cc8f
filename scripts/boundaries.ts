/** Fails on an import that is no arrow of docs/architecture.md's drawing, or whose package is not declared. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAst } from "vite";

/** Which entry points of our packages each package may import. */
const drawing: Record<string, readonly string[]> = {
  safetensors: [],
  sampling: [],
  kernels: ["safetensors"],
  models: ["kernels", "kernels/ops", "safetensors"],
  sparse: ["kernels", "kernels/ops"],
  pipelines: ["kernels/*", "models", "sampling", "sparse", "safetensors/*"],
  testing: ["kernels/*", "safetensors/*"],
};
const everything = ["*"]; // for apps and bench

/** Inside kernels, files import from lower floors and from their own part of their own floor. */
const floors: Record<string, number> = { graph: 0, options: 0, ops: 1, passes: 2, onnx: 2, plan: 3 };
const doors = ["index", "compile"]; // on top of the plan, and below no one
const backends = ["reference", "null", "wasm", "webgpu"];

export interface Manifest {
  readonly name: string;
  readonly private?: boolean;
  readonly dependencies?: object;
  readonly peerDependencies?: object;
  readonly devDependencies?: object;
  readonly imports?: object;
}

/** Every import, re-export, `import()`, `import("…").T` and worker URL of a TypeScript source. */
export function arrows(source: string, lang: "ts" | "tsx" = "ts"): string[] {
  const found: string[] = [];
  const visit = (node: any): void => {
    if (!node || typeof node !== "object") return;
    if (Array.isArray(node)) return node.forEach(visit);
    const worker =
      node.type === "NewExpression" && node.callee.name === "URL" && node.arguments[1]?.type === "MemberExpression";
    const from = worker ? node.arguments[0] : node.source;
    if ((worker ? /\.tsx?$/.test(from.value) : node.type) && typeof from?.value === "string") found.push(from.value);
    Object.values(node).forEach(visit);
  };
  visit(parseAst(source, { lang }).body);
  return found;
}

/** What is wrong with one arrow: a sentence, or nothing. `file` is relative to the repository. */
export function violation(file: string, to: string, manifest: Manifest, root: Manifest): string | undefined {
  const [, own] = file.split("/");
  const test = file.endsWith(".test.ts");
  if (to.startsWith(".")) {
    const target = posix.join(posix.dirname(file), to);
    if (!target.startsWith(`${file.split("/").slice(0, 2).join("/")}/`)) return "leaves its package";
    return own === "kernels" && !test ? floorViolation(inSource(file), inSource(target)) : undefined;
  }
  if (to.startsWith("node:")) {
    const allowed = test || manifest.private || file.startsWith("apps/cli") || /\/node\/|\.node\.[jt]s$/.test(file);
    return allowed ? undefined : "is Node only; such files end in .node.ts or lie in a folder node/";
  }
  if (to.startsWith("#")) return to in (manifest.imports ?? {}) ? undefined : "is not in its package's `imports`";
  const parts = to.split("/");
  const name = parts.slice(0, to.startsWith("@") ? 2 : 1).join("/");
  if (test && (name === manifest.name || name === "@tessera/testing")) return undefined;
  if (test && name in (manifest.devDependencies ?? {})) return undefined;
  const declared = { ...manifest.dependencies, ...manifest.peerDependencies };
  if (test || manifest.private) Object.assign(declared, manifest.devDependencies, root.devDependencies);
  if (!(name in declared)) return "is not a declared dependency of its package";
  if (parts[0] !== "@tessera") return undefined;
  const entry = to.slice("@tessera/".length);
  const allowed = drawing[own] ?? everything;
  if (allowed.some((arrow) => arrow === "*" || arrow === entry || arrow === `${parts[1]}/*`)) return undefined;
  return "is no arrow of the drawing";
}

const inSource = (file: string): string => file.split("/").slice(3).join("/");

/** Kernels of an op belong to their backend's floor although they lie in the op's folder. */
function partOf(file: string): string {
  const [, suffix] = /\.(wgsl|wasm)\.ts$/.exec(file) ?? [];
  return suffix ? { wgsl: "webgpu", wasm: "wasm" }[suffix]! : file.split("/")[0].replace(/\.ts$/, "");
}

function floorViolation(file: string, target: string): string | undefined {
  const [from, into] = [partOf(file), partOf(target)];
  if (from === into) return undefined;
  if (backends.includes(from) && backends.includes(into)) return "crosses from one backend to another";
  if (into === "compile" && from === "index") return undefined;
  const floor = (part: string) => floors[part] ?? (doors.includes(part) || backends.includes(part) ? 4 : undefined);
  const [low, high] = [floor(into), floor(from)];
  if (low === undefined || high === undefined)
    return `has no floor: scripts/boundaries.ts does not know ${low === undefined ? into : from}`;
  return low < high ? undefined : `points upwards, from ${from} to ${into}`;
}

/** Every violation under the `src` folders of packages, apps and notebooks, as lines to read. */
export function boundaries(repository: string): string[] {
  const manifestOf = (folder: string) => JSON.parse(readFileSync(join(repository, folder, "package.json"), "utf8"));
  const root = manifestOf(".");
  const folders = ["packages", "apps"]
    .flatMap((parent) => readdirSync(join(repository, parent)).map((name) => `${parent}/${name}`))
    .concat("notebooks")
    .filter((folder) => existsSync(join(repository, folder, "src")));
  return folders.flatMap((folder) =>
    readdirSync(join(repository, folder, "src"), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[jt]sx?$/.test(name))
      .map((name) => posix.join(folder, "src", name.replaceAll("\\", "/")))
      .flatMap((file) =>
        arrows(readFileSync(join(repository, file), "utf8"), file.endsWith("x") ? "tsx" : "ts").flatMap((arrow) => {
          const wrong = violation(file, arrow, manifestOf(folder), root);
          return wrong ? [`${file}: "${arrow}" ${wrong}.`] : [];
        }),
      ),
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const found = boundaries(join(dirname(fileURLToPath(import.meta.url)), ".."));
  console.log(found.join("\n") || "boundaries: every import is an arrow of the drawing.");
  process.exitCode = found.length ? 1 : 0;
}
