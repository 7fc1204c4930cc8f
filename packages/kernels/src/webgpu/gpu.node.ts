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
  if (store[dawn]) return store[dawn];
  globalThis.setImmediate = patient(globalThis.setImmediate);
  // Dawn aborts the process if this object is collected while a device lives, so it stays referenced for good.
  // Without this toggle it keeps experimental features, such as matrix units, to itself.
  return (store[dawn] = create(["enable-dawn-features=allow_unsafe_apis"]));
}

const dawn = Symbol.for("tessera.dawn");

/**
 * Dawn waits for the device by calling `setImmediate` again and again, which keeps a whole core busy: one that a software
 * adapter needs. This lets it poll at once for `spin` milliseconds, then once a millisecond. Dawn's own callbacks are told
 * by being native and nameless; everybody else's are passed on as they are.
 */
function patient(immediate: typeof setImmediate, spin = 0.2): typeof setImmediate {
  const isPoll = (callback: unknown, args: number) =>
    args === 1 &&
    typeof callback === "function" &&
    !callback.name &&
    /\{\s*\[native code\]\s*\}$/.test(String(callback));
  let [since, last] = [0, 0];
  const wrapped = (...args: Parameters<typeof setImmediate>) => {
    if (!isPoll(args[0], args.length)) return immediate(...args);
    const now = performance.now();
    if (now - last > 5) since = now;
    last = now;
    return now - since < spin ? immediate(args[0]) : setTimeout(args[0], 1);
  };
  return Object.defineProperties(wrapped, Object.getOwnPropertyDescriptors(immediate)) as typeof setImmediate;
}

/** What to try where there is no adapter. */
export const advice =
  "run `npm install webgpu` and install a Vulkan driver (Debian: `apt install libvulkan1 mesa-vulkan-drivers`, Mesa 23 or later), or use the wasm backend";
