import { computed, signal } from "@preact/signals";
import type { Ablation, Comparison } from "@tessera/bench";
import type { BackendName, EditResult } from "@tessera/pipelines";
import type { EditRequest } from "./editDesk.ts";
import type { Device, GenerateRequest, Picture, Preview, Progress, Watcher } from "./engine.ts";
import type { MeasureRequest } from "./measure.ts";
import { recall, remember } from "./remembered.ts";
import type { RemoteEngine } from "./remoteEngine.ts";

/** Backends that the page offers. */
export const choices = ["auto", "webgpu", "wasm"] as const satisfies BackendName[];
export type Choice = (typeof choices)[number];

const tunedKey = "tessera.tuned";

/** What every room shares: the engine, the device that it runs on, and its one task at a time. */
export class Studio {
  readonly choice = signal<Choice>("auto");
  readonly device = signal<Device | undefined>(undefined);
  /** Whether the device's kernels are, or are being, chosen by timing them. */
  readonly tunes = signal(false);
  /** Of the task at hand; undefined when there is none. */
  readonly progress = signal<Progress | undefined>(undefined);
  readonly busy = computed(() => this.progress.value !== undefined);
  /** Whether a task waits until the device is open. */
  readonly #waits = signal(false);
  /** Whether a button that begins a task would do nothing: one is at work or waits. Opening the device is waited for. */
  readonly taken = computed(() => this.busy.value && (this.#waits.value || this.device.value !== undefined));
  readonly liveBytes = signal(0);
  /** What the picture at hand begins to look like; undefined when none is being made. */
  readonly preview = signal<Preview | undefined>(undefined);
  /** The latest picture. */
  readonly picture = signal<Picture | undefined>(undefined);
  /** What was measured last, as far as it is there. */
  readonly comparison = signal<Comparison | undefined>(undefined);
  readonly ablation = signal<Ablation | undefined>(undefined);
  /** Why the last task failed, for people; empty if it did not. */
  readonly failure = signal("");
  /** Whether the last task was cancelled. */
  readonly cancelled = signal(false);
  /** Descriptions of the devices that are tuned. */
  #tuned: readonly string[] = recall(tunedKey)?.split("\n") ?? [];
  readonly #engine: RemoteEngine;
  readonly #checkpoint: string;
  #abort: AbortController | undefined;
  #task: Promise<unknown> = Promise.resolve();
  #editing = false;
  /** Counts what was asked for, to know what is still wanted. */
  #asked = 0;

  constructor(engine: RemoteEngine, checkpoint: string) {
    this.#engine = engine;
    this.#checkpoint = checkpoint;
  }

  /** Puts the checkpoint on a backend, now or, if something is running, as soon as that has been cancelled. */
  async open(choice: Choice): Promise<void> {
    this.choice.value = choice;
    await this.#run((signal) => this.#open(signal));
  }

  /** Opens the device again with kernels chosen by timing them, or by rule. Cancelled, it stays with the rule. */
  async tune(on: boolean): Promise<void> {
    const description = this.device.value?.description;
    if (description === undefined) return;
    const choose = (on: boolean) => {
      this.#tuned = [...this.#tuned.filter((other) => other !== description), ...(on ? [description] : [])];
      remember(tunedKey, this.#tuned.join("\n"));
      this.tunes.value = on;
    };
    choose(on);
    await this.open(this.choice.value);
    if (this.device.value?.description !== description) choose(false);
  }

  /**
   * Makes `picture`, unless cancelled or failed. Waits while the device is being opened, and opens it if that was cancelled
   * or failed before.
   */
  async generate(request: GenerateRequest): Promise<void> {
    if (!(await this.#turn())) return;
    await this.#run(async (signal) => {
      if (!this.device.value) await this.#open(signal);
      this.picture.value = await this.#engine.generate(request, this.#watcher(signal), signal);
    });
  }

  /** Measures the device. Each row is there as soon as it is measured, and stays if the rest is cancelled. */
  async measure(request: MeasureRequest): Promise<void> {
    if (!(await this.#turn())) return;
    await this.#run(async (signal) => {
      if (!this.device.value) await this.#open(signal);
      await this.#engine.measure(request, this.#watcher(signal), signal);
    });
  }

  /**
   * Redoes what was painted; undefined if that was cancelled or failed, or if a newer edit took its place. Loading and
   * generating are not disturbed but waited for.
   */
  async edit(request: EditRequest): Promise<EditResult | undefined> {
    const turn = this.#ask(false);
    while (this.busy.value && !this.#editing) await this.#task;
    if (turn !== this.#asked || !(await this.ready()) || turn !== this.#asked) return undefined;
    let result: EditResult | undefined;
    const task = this.#run(async (signal) => {
      result = await this.#engine.edit(request, this.#watcher(signal), signal);
    });
    this.#editing = true;
    await task;
    return result;
  }

  /** The device, once it is there; opens it unless that has begun. Undefined if that fails or is cancelled. */
  async ready(): Promise<Device | undefined> {
    if (!this.busy.value && !this.device.value) await this.open(this.choice.value);
    while (this.busy.value && !this.device.value) await this.#task;
    return this.device.value;
  }

  /** Waits while the device is being opened. False if that failed or was cancelled, or something newer was asked for. */
  async #turn(): Promise<boolean> {
    if (!this.busy.value) return true;
    const turn = this.#ask(true);
    const device = await this.ready();
    if (turn !== this.#asked) return false;
    this.#waits.value = false;
    return device !== undefined;
  }

  /** A number that stays the latest until something newer is asked for. */
  #ask(waits: boolean): number {
    this.#waits.value = waits;
    return ++this.#asked;
  }

  /** Stops what is running, if anything is, and what waits for it. */
  cancel(): void {
    this.#ask(false);
    this.#abort?.abort();
  }

  /** What a task says is shown while that task goes on: messages may come late. */
  #watcher(signal: AbortSignal): Watcher {
    const goesOn = () => this.busy.value && !signal.aborted;
    return {
      progress: (progress) => {
        if (!goesOn()) return;
        this.progress.value = progress;
        this.liveBytes.value = progress.liveBytes;
      },
      preview: (preview) => {
        if (goesOn()) this.preview.value = preview;
      },
      measured: (result) => {
        if (!goesOn()) return;
        if (result.kind === "comparison") this.comparison.value = result;
        else this.ablation.value = result;
      },
    };
  }

  async #open(signal: AbortSignal): Promise<void> {
    this.device.value = undefined;
    this.liveBytes.value = 0;
    const request = { backend: this.choice.value, checkpoint: this.#checkpoint, tuned: this.#tuned };
    this.device.value = await this.#engine.open(request, this.#watcher(signal), signal);
    this.tunes.value = this.device.value.tuned;
  }

  async #run(work: (signal: AbortSignal) => Promise<void>): Promise<void> {
    this.#abort?.abort();
    this.#editing = false;
    const abort = (this.#abort = new AbortController());
    this.failure.value = "";
    this.cancelled.value = false;
    this.progress.value = { phase: "load", step: 0, total: 0, liveBytes: this.liveBytes.value };
    const task = this.#task.then(() => work(abort.signal));
    this.#task = task.catch(() => {});
    try {
      await task;
    } catch (error) {
      if (this.#abort !== abort) return; // something newer has begun
      if (abort.signal.aborted) {
        this.cancelled.value = true;
        return;
      }
      const { name, message } = error as Error;
      this.failure.value = message;
      if (name === "DeviceError") this.device.value = undefined; // the next task opens it afresh
    } finally {
      if (this.#abort === abort) {
        this.#abort = undefined;
        this.progress.value = this.preview.value = undefined;
      }
    }
  }
}
