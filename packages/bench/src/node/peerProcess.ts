import { fork } from "node:child_process";
import { once } from "node:events";
import type { Spent } from "../timed.ts";
import type { EngineOptions, Task } from "./engines/engine.ts";
import type { PeerName } from "./peers.ts";

/** What the process of a peer can be asked, and what it answers. `peer.ts` serves it. */
export interface PeerCalls {
  open(name: PeerName, options: EngineOptions): { readonly detail: string };
  load(task: Task): readonly Float32Array[];
  /** What a run takes, of `count`. */
  run(count: number): Spent;
  unload(): void;
}

export interface Request {
  readonly id: number;
  readonly method: keyof PeerCalls;
  readonly args: readonly unknown[];
}

export interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly message: string; readonly code?: string };
}

/** An engine in a process of its own, so that no engine's threads or memory are in another's way. */
export interface PeerProcess {
  call<M extends keyof PeerCalls>(method: M, ...args: Parameters<PeerCalls[M]>): Promise<ReturnType<PeerCalls[M]>>;
  end(): Promise<void>;
}

export function startPeer(): PeerProcess {
  const source = import.meta.url.endsWith(".ts");
  const child = fork(new URL(source ? "./peer.ts" : "./peer.js", import.meta.url), {
    execArgv: source ? ["--conditions=source", "--import", "tsx"] : [],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const waiting = new Map<number, { resolve: (value: never) => void; reject: (error: Error) => void }>();
  let [sent, said] = [0, ""];
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-400)));
  child.on("message", ({ id, value, error }: Reply) => {
    const { resolve, reject } = waiting.get(id)!;
    waiting.delete(id);
    if (error) reject(Object.assign(new Error(error.message), { name: error.name, code: error.code }));
    else resolve(value as never);
  });
  const ended = once(child, "exit");
  child.once("exit", (code, signal) => {
    const last = said.trim().split("\n").at(-1);
    const why = new Error(`its process has ended (${signal ?? `exit code ${code}`}). ${last}`);
    for (const { reject } of waiting.values()) reject(why);
  });
  return {
    call: (method, ...args) =>
      new Promise((resolve, reject) => {
        if (!child.connected) return reject(new Error("its process has ended."));
        const id = sent++;
        waiting.set(id, { resolve, reject });
        child.send({ id, method, args } satisfies Request);
      }),
    async end() {
      child.kill();
      await ended;
    },
  };
}
