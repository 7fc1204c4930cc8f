import {
  countMacs,
  type Backend,
  type DeviceTensor,
  type Graph,
  type HostTensor,
  type Program,
} from "@tessera/kernels";
import { sparseMacs, sparsify, type MaskPyramid, type Sparsified, type SparsifyOptions } from "@tessera/sparse";
import { loadNetwork, type WeightsOfFile } from "./loadNetwork.ts";
import type { RunWatch as Watch } from "./progress.ts";

export type Inputs = Readonly<Record<string, HostTensor | DeviceTensor>>;
/** Lists and maps of active blocks, by the names of a sparse graph's inputs. */
export type BlockLists = Readonly<Record<string, Int32Array>>;

/** Blocks of one geometry in one network. */
export interface ActiveBlocks {
  readonly network: string;
  /** Of the picture that the blocks lie on. */
  readonly height: number;
  readonly width: number;
  /** Pixels that a block reads and writes, each way. */
  readonly size: number;
  readonly tile: number;
  readonly active: number;
  readonly all: number;
  /** [row, column] of the top left of each active tile on that picture; it is `step` × `step`, and may reach over the edge. */
  readonly tiles: Int32Array;
  readonly step: number;
}

/** The share of a network's multiply-adds beyond which gathering blocks costs more than it saves. */
const largestShare = 0.7;
/** Blocks that most programs have room for; larger edits get programs of their own. */
const usualRoom = 0.25;

/**
 * A network and its sparse form on a device. `original` computes what the network makes of an original; `edit` then
 * computes edits of it by blocks, any number of them. Programs are compiled when they are first needed, and share weights.
 */
export class SparseNetwork {
  readonly name: string;
  readonly graph: Graph;
  /** With room for all blocks; programs may have less. */
  readonly sparsified: Sparsified;
  readonly #usual: Sparsified;
  readonly #dense: number;
  readonly #device: WeightsOfFile & { readonly backend: Backend };
  readonly #origin: Graph;
  readonly #programs = new Map<string, { readonly room: number; readonly program: Promise<Program> }>();
  #states: Record<string, DeviceTensor> | undefined;

  /** `origin` makes the states, if that is not the whole network; its outputs bear their names. */
  constructor(
    name: string,
    graph: Graph,
    options: SparsifyOptions,
    device: WeightsOfFile & { readonly backend: Backend },
    origin?: (sparsified: Sparsified) => Graph,
  ) {
    this.name = name;
    this.graph = graph;
    this.sparsified = sparsify(graph, options);
    this.#usual = sparsify(graph, { ...options, room: usualRoom });
    this.#dense = countMacs(graph).total;
    this.#device = device;
    this.#origin = origin?.(this.sparsified) ?? this.sparsified.full;
  }

  /** Bytes of the states of one original. */
  get stateBytes(): number {
    const { full, states } = this.sparsified;
    return states.reduce((bytes, name) => bytes + 4 * full.outputs.get(name)!.elements, 0);
  }

  /** What the network makes of an original; edits are of this one until the next. */
  async original(inputs: Inputs, watch: Watch): Promise<Record<string, DeviceTensor>> {
    const outputs = await this.#run("origin", () => this.#origin, 1, inputs, watch);
    this.#states = Object.fromEntries(this.sparsified.states.map((name) => [name, outputs[name]]));
    return outputs;
  }

  /** Compiles what an edit takes, or else the whole network, so that neither is part of a run's time. Needs an original. */
  async prepare(lists: BlockLists | undefined, watch: Watch): Promise<void> {
    const byBlocks = lists && this.#byBlocks(lists);
    if (byBlocks) await this.#program("edit", () => byBlocks.form.sparse, byBlocks.room, watch);
    else await this.#program("whole", () => this.graph, 1, watch);
  }

  /** What it makes of an edit, whose other inputs are the original's. */
  edit(inputs: Inputs, lists: BlockLists, watch: Watch): Promise<Record<string, DeviceTensor>> {
    const byBlocks = this.#byBlocks(lists);
    if (!byBlocks) return this.whole(inputs, watch);
    const { room, form } = byBlocks;
    return this.#run("edit", () => form.sparse, room, { ...inputs, ...lists, ...this.#states }, watch);
  }

  /** The new tiles of the named states after an edit: see `following` of `Sparsified`. */
  tiles(
    inputs: Inputs,
    lists: BlockLists,
    names: readonly string[],
    watch: Watch,
  ): Promise<Record<string, DeviceTensor>> {
    const { room, form } = this.#formFor(lists);
    return this.#run("tiles", () => form.following(names), room, { ...inputs, ...lists, ...this.#states }, watch);
  }

  /** What it makes of anything, as a whole. */
  whole(inputs: Inputs, watch: Watch): Promise<Record<string, DeviceTensor>> {
    return this.#run("whole", () => this.graph, 1, inputs, watch);
  }

  /** The named states of an original, as rows, without the rest. */
  record(graph: Graph, inputs: Inputs, watch: Watch): Promise<Record<string, DeviceTensor>> {
    return this.#run("record", () => graph, 1, inputs, watch);
  }

  /** Compiles what an original takes. */
  async load(watch: Watch): Promise<void> {
    await this.#program("origin", () => this.#origin, 1, watch);
  }

  /** Multiply-adds of an edit, as a whole and by blocks: the same where blocks do not pay and it is computed as a whole. */
  macs(lists: BlockLists): { dense: number; sparse: number } {
    const [dense, byBlocks] = [this.#dense, sparseMacs(this.sparsified.sparse, lists)];
    return { dense, sparse: byBlocks < largestShare * dense ? byBlocks : dense };
  }

  activeBlocks(lists: BlockLists): ActiveBlocks[] {
    return this.sparsified.sets.map(({ key, height, width, size, tile, rows, columns, offset, step }) => {
      const at = lists[`at.${key}`] ?? new Int32Array(0);
      const tiles = at.map((place, i) => place + offset[i % 2]);
      const counts = { active: at.length / 2, all: rows * columns };
      return { network: this.name, height, width, size, tile, ...counts, tiles, step };
    });
  }

  lists(pyramid: MaskPyramid): BlockLists {
    return this.sparsified.blocks(pyramid);
  }

  /** The original went with its device: there is none until the next. */
  forget(): void {
    this.#states = undefined;
    for (const name of ["tiles", "edit"]) this.#drop(name);
  }

  dispose(): void {
    this.forget(); // what reads another program's results goes first
    for (const name of ["origin", "record", "whole"]) this.#drop(name);
  }

  #drop(name: string): void {
    const known = this.#programs.get(name);
    this.#programs.delete(name);
    known?.program.then(
      (program) => program.dispose(),
      () => {},
    );
  }

  /** The sparse form that has room for these blocks, if they pay. */
  #byBlocks(lists: BlockLists) {
    const { dense, sparse } = this.macs(lists);
    return sparse < dense ? this.#formFor(lists) : undefined;
  }

  /** The sparse form that has room for these blocks. */
  #formFor(lists: BlockLists): { readonly room: number; readonly form: Sparsified } {
    const usual = [...this.#usual.sparse.inputs];
    const fits = usual.every(([name, { elements }]) => (lists[name]?.length ?? 0) <= elements);
    return fits ? { room: usualRoom, form: this.#usual } : { room: 1, form: this.sparsified };
  }

  async #program(name: string, graph: () => Graph, room: number, { signal, onProgress }: Watch): Promise<Program> {
    const known = this.#programs.get(name);
    if (known && known.room >= room) return known.program;
    this.#drop(name);
    const made = graph();
    const bound = name === "origin" ? undefined : this.#statesOf(made);
    const { backend, weights, file } = this.#device;
    const program = loadNetwork(made, backend, { name: this.name, weights, file, signal, onProgress, bound });
    this.#programs.set(name, { room, program });
    program.catch(() => this.#programs.delete(name));
    return program;
  }

  /** The states that a graph reads, where they lie. */
  #statesOf(graph: Graph): Record<string, DeviceTensor> {
    const states = Object.entries(this.#states ?? {});
    return Object.fromEntries(states.filter(([name]) => graph.inputs.has(name)));
  }

  async #run(name: string, graph: () => Graph, room: number, given: Inputs, watch: Watch) {
    const program = await this.#program(name, graph, room, watch);
    const inputs = Object.fromEntries([...program.plan.graph.inputs.keys()].map((input) => [input, given[input]]));
    return program.run(inputs, { signal: watch.signal, onProgress: watch.onRun });
  }
}
