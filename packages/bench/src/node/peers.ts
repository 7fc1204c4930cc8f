import type { Engine, EngineOptions } from "./engines/engine.ts";
import { jaxJs } from "./engines/jaxJs.ts";
import { onnxruntime } from "./engines/onnxruntime.ts";
import { tfjs } from "./engines/tfjs.ts";

export interface Peer {
  /** The line that installs it. */
  readonly install: string;
  /** Bytes of f32 weights that it can hold at once; larger networks come to it in parts. */
  readonly weightBytes: number;
  /** Whether it runs whole networks, or only the operators that are written for it. */
  readonly networks: boolean;
  open(options: EngineOptions): Promise<Engine>;
}

/** Engines to compare with. None is needed; each is loaded only when asked for, in a process of its own. */
export const peers = {
  "onnxruntime-web": {
    install: "npm install onnxruntime-web@1.30.0",
    weightBytes: 2 ** 30, // of an address space of 4 GiB, which also holds packed copies and activations
    networks: true,
    open: (options) => onnxruntime("onnxruntime-web", options),
  },
  "onnxruntime-node": {
    install: "ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node@1.30.0", // else it downloads CUDA on Linux
    weightBytes: Infinity,
    networks: true,
    open: (options) => onnxruntime("onnxruntime-node", options),
  },
  tfjs: {
    install:
      "npm install @tensorflow/tfjs-core@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0 @tensorflow/tfjs-backend-webgpu@4.22.0",
    weightBytes: 0,
    networks: false,
    open: tfjs,
  },
  "jax-js": {
    install: "npm install @jax-js/jax@0.1.25",
    weightBytes: 0,
    networks: false,
    open: jaxJs,
  },
} as const satisfies Record<string, Peer>;

export type PeerName = keyof typeof peers;
export const peerNames = Object.keys(peers) as PeerName[];
