/** WebGPU for Node: its own if it has one (Deno), else Dawn from the npm package `webgpu`; undefined if not installed. */
export async function gpu(): Promise<GPU | undefined> {
  const own = (globalThis.navigator as Navigator | undefined)?.gpu;
  if (own) return own;
  const store = globalThis as { [key: symbol]: GPU | undefined };
  if (store[dawn]) return store[dawn];
  let create: (options: string[]) => GPU;
  try {
    ({ create } = await import("webgpu"));
  } catch (error) {
    if ((error as { code?: string }).code === "ERR_MODULE_NOT_FOUND") return undefined;
    throw error;
  }
  // Dawn aborts the process if this object is collected while a device lives, so it stays referenced for good.
  return (store[dawn] ??= create([]));
}

const dawn = Symbol.for("tessera.dawn");

/** What to try where there is no adapter. */
export const advice =
  "run `npm install webgpu` and install a Vulkan driver (Debian: `apt install libvulkan1 mesa-vulkan-drivers`, Mesa 23 or later), or use the wasm backend";
