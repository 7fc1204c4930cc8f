/** The process of a peer: answers the calls of `peerProcess.ts`, one at a time. */
import { several } from "../timed.ts";
import type { Engine, Loaded } from "./engines/engine.ts";
import { peers } from "./peers.ts";
import type { PeerCalls, Reply, Request } from "./peerProcess.ts";

type Served = { [M in keyof PeerCalls]: (...args: Parameters<PeerCalls[M]>) => Promise<ReturnType<PeerCalls[M]>> };

let engine: Engine | undefined;
let loaded: Loaded | undefined;

const served: Served = {
  async open(name, options) {
    engine = await peers[name].open(options);
    return { detail: engine.detail };
  },
  async load(task) {
    loaded = await engine!.load(task);
    return loaded.outputs;
  },
  run: (count) => several(count, () => loaded!.run()),
  async unload() {
    await loaded?.dispose();
    loaded = undefined;
  },
};

process.on("message", async ({ id, method, args }: Request) => {
  const reply = async (): Promise<Reply> => {
    try {
      return { id, value: await (served[method] as (...args: readonly unknown[]) => Promise<unknown>)(...args) };
    } catch (error) {
      const { name, message, code } = error as NodeJS.ErrnoException;
      return { id, error: { name: name ?? "Error", message: message ?? String(error), code } };
    }
  };
  process.send!(await reply());
});
process.on("disconnect", () => process.exit());
