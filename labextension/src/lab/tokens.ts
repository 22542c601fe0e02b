/** What the plugins of SCOOP offer each other, and other extensions. */

import { Token } from "@lumino/coreutils";
import type { IDisposable } from "@lumino/disposable";
import type { ISignal } from "@lumino/signaling";

import type { Missing, Snapshot, TaskCounts, Timeline } from "../drawing";

/** A pool in the list; as the server's `visit.py` and `origins.py` describe it. */
export interface PoolRow {
  name: string;
  /** Another pool may have the same name on another host, or later. */
  id: string;
  /** Of the program that it belongs to. */
  pid: number;
  /** Seconds since 1970. */
  started: number;
  /** Workers that are there, and those that there should be. */
  workers: number;
  wanted: number;
  /** Hosts or batch jobs that should have workers and are not there. */
  missing: Missing | null;
  /** Workers that died before they could do anything. */
  stillborn: number;
  /** Share of its workers' time that is spent in tasks, 0 to 1. */
  busy: number;
  /** Bytes. */
  memory: number;
  tasks: TaskCounts;
  /** Path of the notebook that it belongs to, if it is one of this server. */
  notebook: string | null;
  /** Command line of the program that it belongs to. */
  program: string;
  /** Whether the server has started it, so that it ends with the server. */
  kept: boolean;
}

/** What a new pool shall be. */
export interface Order {
  n: number | null;
  name: string | null;
  /** One of these two; the other one is empty. */
  launcher: string;
  profile: string;
  kernel: string;
  folder: string;
}

/** What a new pool can be. */
export interface Choices {
  /** How many workers it has if nobody says so. */
  workers: number;
  /** How many it may have; null: any number. */
  most: number | null;
  launchers: string[];
  /** Pools that configuration files describe; null: nobody knows. */
  profiles: Record<string, { launcher: string | null; workers: number | null }>;
  /** Kernels whose Python it may run: their names, and how they are shown. */
  kernels: Record<string, string>;
}

/** What a tab shows of a pool. */
export interface Viewer {
  show(snapshot: Snapshot): void;
  /** The pool has ended. */
  gone(): void;
}

/** The user's pools. */
export interface IPools {
  /** All that run, by name. */
  readonly rows: readonly PoolRow[];
  /** Whether the server answers. */
  readonly connected: boolean;
  /** The list, or the load of a pool, is new; about once a second while a pool runs. */
  readonly changed: ISignal<IPools, void>;
  /** The load of a pool in the last minute, a number from 0 to 1 for each second, the oldest first. */
  load(name: string): readonly number[];
  /** Bring snapshots to a viewer until it is disposed of; also of a pool that is yet to come. */
  watch(name: string, viewer: Viewer): IDisposable;
  choices(): Promise<Choices>;
  start(order: Order): Promise<string>;
  scale(name: string, n: number): Promise<void>;
  cancel(name: string): Promise<void>;
  restart(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  cancelTask(name: string, worker: string): Promise<void>;
  restartWorker(name: string, worker: string): Promise<void>;
  /** What ran where and when, of what goes on now or went on last. */
  timeline(name: string): Promise<Timeline>;
}

export const IPools = new Token<IPools>("scoop-jupyter:IPools", "The user's pools of workers.");
