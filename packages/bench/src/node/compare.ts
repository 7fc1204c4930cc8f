import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countMacs, type Backend, type Graph, type Options } from "@tessera/kernels";
import { exportOnnx } from "@tessera/kernels/onnx";
import { agreement, agreementInHalves, difference } from "../agree.ts";
import { bytesOf } from "../bytesOf.ts";
import { copySpeed, openProbes } from "../limits.ts";
import { partition } from "../partition.ts";
import { resident, type Resident } from "../resident.ts";
import type { Case, EngineRow, Limits } from "../result.ts";
import { firstLine, ratesOf, sample, timeSpent, type Runner } from "../sample.ts";
import { median } from "../stats.ts";
import type { Subject } from "../subject.ts";
import { several, timed } from "../timed.ts";
import type { Task } from "./engines/engine.ts";
import { startPeer, type PeerProcess } from "./peerProcess.ts";
import { peers, type PeerName } from "./peers.ts";

export interface CompareOptions {
  readonly backend: Backend;
  readonly threads: number;
  readonly against: readonly PeerName[];
  /** Samples of each engine. */
  readonly repeat: number;
  readonly limits: Limits;
  readonly options?: Options;
  /** Another backend of ours: `backend`'s results are held against it before others are held against them. */
  readonly reference?: Backend;
  readonly signal?: AbortSignal;
  onProgress?(what: string): void;
}

/** A peer's process; `note` says why it cannot be used. */
interface OpenedPeer {
  readonly process: PeerProcess;
  readonly detail: string;
  readonly note?: string;
}

/**
 * Times subjects on our backend and on peers, each peer in a process of its own. All get the same numbers; a peer whose
 * result differs from ours is not timed; samples are taken in turns, so that a load from outside meets all alike. Peers
 * that are not installed, or fail, have a note in place of a time.
 *
 * @throws {Error} where our own result differs from that of `reference`
 */
export async function* compare(subjects: Iterable<Subject>, options: CompareOptions): AsyncGenerator<Case> {
  const opened = new Map<PeerName, OpenedPeer>();
  try {
    for (const name of options.against) opened.set(name, await openPeer(name, options));
    for (const subject of subjects) {
      const measured = await compareOne(subject, options, opened);
      yield measured;
      // What failed may have left the engine in a state that fails the next, so that one starts anew.
      for (const { engine, note } of measured.engines) {
        const name = engine as PeerName;
        if (!note?.startsWith("failed")) continue;
        await opened.get(name)!.process.end();
        opened.set(name, await openPeer(name, options));
      }
    }
  } finally {
    for (const { process } of opened.values()) await process.end();
  }
}

async function openPeer(name: PeerName, { threads, backend }: CompareOptions): Promise<OpenedPeer> {
  const process = startPeer();
  try {
    const device = backend.name === "webgpu" ? "webgpu" : "cpu";
    return { process, detail: (await process.call("open", name, { threads, device })).detail };
  } catch (error) {
    return { process, detail: "", note: whyNot(name, error as Error) };
  }
}

function whyNot(name: PeerName, error: Error & { code?: string }): string {
  const missing = ["ERR_MODULE_NOT_FOUND", "MODULE_NOT_FOUND"].includes(error.code ?? "");
  return missing ? `not installed: ${peers[name].install}` : `cannot be opened: ${firstLine(error)}`;
}

async function compareOne(
  { name, graph, weights, inputs, isOp, times = 1, one = graph }: Subject,
  { backend, threads, against, repeat, limits, options, reference, signal, onProgress }: CompareOptions,
  opened: ReadonlyMap<PeerName, OpenedPeer>,
): Promise<Case> {
  const macs = countMacs(one).total;
  const bytes = bytesOf(one);
  // Weights of networks may be halves, which our transforms on WebGPU round once more.
  const most = isOp || backend.name !== "webgpu" ? agreement : agreementInHalves;
  // What only moves memory is held against a copy that is sampled beside it.
  const probes = macs === 0 && backend.name === "wasm" ? openProbes(threads) : undefined;
  const runners: Runner[] = [];
  const engines: EngineRow[] = [];
  const folder = await mkdtemp(join(tmpdir(), "tessera-bench-"));
  let ours: Resident | undefined;
  try {
    onProgress?.(`${name}: tessera`);
    const mine = (ours = await resident(graph, backend, inputs, { weights, options, signal }));
    const own: EngineRow = { engine: "tessera", detail: backend.description };
    engines.push(own);
    const outputNames = [...graph.outputs.keys()];
    const farthest = (results: readonly Float32Array[]) =>
      Math.max(...outputNames.map((output, i) => difference(results[i], mine.outputs[output])));
    if (reference) {
      const other = await resident(graph, reference, inputs, { weights, signal });
      own.difference = farthest(outputNames.map((output) => other.outputs[output]));
      other.dispose();
      if (!(own.difference <= most))
        throw new Error(
          `${name}: our ${backend.name} and ${reference.name} backends differ by ${own.difference.toExponential(1)} of the largest number, which is a fault of ours.`,
        );
    }
    const inRun: number[] = [];
    const firstCalls = mine.plan.calls.length / times;
    const onTimes = (ms: readonly number[]) => {
      const each = Array<number>(times).fill(0);
      ms.forEach((x, call) => (each[Math.floor(call / firstCalls)] += x));
      inRun.push(median(each.slice(1)));
    };
    const watched = probes && times > 1 ? onTimes : undefined;
    runners.push({
      row: own,
      samples: [],
      run: (count) => several(count, () => timed(() => mine.run(watched))),
    });
    const copy: Runner = {
      row: { engine: "copy", detail: "" },
      samples: [],
      run: (count) => several(count, async () => ({ ms: await probes!.copy(), cpuMs: 0 })),
    };
    if (probes) runners.push(copy);

    const tasks = new Map<number, Task>();
    const loaded: PeerProcess[] = [];
    for (const engine of against) {
      signal?.throwIfAborted();
      const { process: peer, detail, note } = opened.get(engine)!;
      const row: EngineRow = { engine, detail };
      engines.push(row);
      row.note = note ?? (isOp || peers[engine].networks ? undefined : "runs operators only");
      if (row.note) continue;
      const { weightBytes } = peers[engine];
      try {
        if (peers[engine].networks && !tasks.has(weightBytes)) {
          onProgress?.(`${name}: ONNX`);
          tasks.set(weightBytes, await taskOf({ name, graph, weights, inputs, isOp }, weightBytes, folder, signal));
        }
        const { models, outputs } = tasks.get(weightBytes) ?? { models: [], outputs: outputNames };
        onProgress?.(`${name}: ${engine}`);
        const task: Task = { op: isOp ? name : undefined, models, outputs, inputs: given(graph, inputs) };
        const results = await peer.call("load", task);
        loaded.push(peer);
        row.difference = farthest(results);
        if (!(row.difference <= most)) {
          const how = results.every((result) => result.every((x) => x === 0))
            ? "all zeros"
            : `${row.difference.toExponential(1)} of the largest number from ours`;
          row.note = `wrong: ${how}; not timed`;
          continue;
        }
        if (models.length > 1) row.detail += `, in ${models.length} parts`;
        runners.push({ row, samples: [], run: (count) => peer.call("run", count) });
      } catch (error) {
        row.note = `failed: ${firstLine(error as Error)}`;
      }
    }

    await sample(runners, macs * times, repeat, signal, (round) => onProgress?.(`${name}: ${round}/${repeat}`));
    for (const peer of loaded) await peer.call("unload").catch(() => {}); // one that has ended holds nothing
    for (const { row, samples } of runners) if (samples.length) row.time = timeSpent(samples, times);
    if (inRun.length) own.time!.inRunMs = median(inRun);
    for (const row of engines) if (row.time) Object.assign(row, ratesOf(row.time, own.time!, macs, bytes, limits));
    const copyGigabytesPerSecond = probes && copySpeed(threads, median(copy.samples.map(({ ms }) => ms)));
    return { name, times, macs, bytes, copyGigabytesPerSecond, engines };
  } finally {
    await probes?.end();
    ours?.dispose();
    await rm(folder, { recursive: true });
  }
}

const given = (graph: Graph, inputs: Subject["inputs"]): Task["inputs"] =>
  Object.fromEntries([...graph.inputs].map(([name, { shape }]) => [name, { shape, data: inputs[name] }]));

/** Writes the subject as ONNX files of at most `weightBytes` of weights. */
async function taskOf(
  { graph, weights, inputs }: Subject,
  weightBytes: number,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<Task> {
  const total = [...graph.params.values()].reduce((sum, t) => sum + 4 * t.elements, 0);
  const parts = total > weightBytes ? partition(graph, weightBytes) : [graph];
  const models: { path: string; dataPath: string }[] = [];
  const names = new Map<string, string>();
  for (const [i, part] of parts.entries()) {
    const location = `${weightBytes}-${i}.data`;
    const model = { path: join(folder, `${weightBytes}-${i}.onnx`), dataPath: join(folder, location) };
    const file = await open(model.dataPath, "w");
    try {
      const external = { location, write: (bytes: Uint8Array) => file.writeFile(bytes) };
      const { model: bytes, outputs } = await exportOnnx(part, weights, { external, signal });
      await writeFile(model.path, bytes);
      for (const [name, inOnnx] of outputs) names.set(name, inOnnx);
    } finally {
      await file.close();
    }
    models.push(model);
  }
  return { models, inputs: given(graph, inputs), outputs: [...graph.outputs.keys()].map((name) => names.get(name)!) };
}
