import type { Backend } from "@tessera/kernels";
import type { StableDiffusion } from "@tessera/pipelines";
import type { WeightSource } from "@tessera/safetensors";
import type * as v from "valibot";
import type { Limits } from "../result.ts";
import type { Table } from "./run.ts";

/** What a run was asked for. */
export interface Settings {
  /** Smaller sizes and fewer samples: minutes for everything on two cores. */
  readonly quick: boolean;
  /** Pictures that each figure over a data set is taken of. */
  readonly pictures: number;
}

/** What an experiment may use. Things are made when they are first asked for, once a process. */
export interface Laboratory extends Settings {
  readonly backend: Backend;
  readonly signal: AbortSignal;
  /** The trained checkpoint of this repository, on the backend. */
  townscapes(): Promise<StableDiffusion>;
  /** Weights of the townscapes evaluation network. */
  evalnet(): Promise<WeightSource>;
  /** Peak and bandwidth of what the backend computes on. */
  limits(): Promise<Limits>;
  /** What `make` gave when it was first called with this key: a network is timed once, whichever experiment asks. */
  once<T>(key: string, make: () => Promise<T>): Promise<T>;
  /** Says what is being done. */
  say(what: string): void;
}

/** A piece of work that depends on no other, so that a run may be cut between them, or spread over machines. */
export interface Part<Outcome> {
  /** Unique in the experiment; says all that its outcome depends on. */
  readonly name: string;
  run(laboratory: Laboratory): Promise<Outcome>;
}

/** One question, and how it is answered. */
export interface Experiment<Outcome = unknown> {
  readonly id: string;
  readonly question: string;
  /** The backend that it is about; any if not given. */
  readonly backend?: string;
  /** What a part gives; it is written to a file and read back. */
  readonly outcome: v.GenericSchema<Outcome>;
  parts(settings: Settings): readonly Part<NoInfer<Outcome>>[];
  /** The answer, from all parts' outcomes by name and from nothing else. */
  tables(outcomes: ReadonlyMap<string, NoInfer<Outcome>>, settings: Settings): Table[] | Promise<Table[]>;
}

/** Checks the types of an experiment, and forgets that of its outcomes: only its own functions see them. */
export const experiment = <Outcome>(defined: Experiment<Outcome>): Experiment => defined as unknown as Experiment;
