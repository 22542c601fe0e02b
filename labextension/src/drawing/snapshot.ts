/**
 * What the panel is given: the snapshot of a run, as snapshot.py describes it; and what the user asks for in turn.
 *
 * Whoever draws takes it from `complete`, since an older engine, or a trait before its first value, lacks parts.
 */

export type PoolState = "starting" | "running" | "stopped" | "lost";
export type WorkerState = "starting" | "idle" | "busy" | "lost" | "stopped";
export type TaskState = "done" | "failed" | "running" | "queued" | "cancelled";

export type TaskCounts = Record<TaskState, number>;

export interface WorkerRow {
  name: string;
  pid: number;
  host: string;
  state: WorkerState;
  /** Share of the last second spent in tasks, 0 to 1. */
  busy: number;
  /** Seconds of CPU. */
  cpu: number;
  /** Share of one core, over the last second or so. */
  cpu_share?: number;
  /** Bytes. */
  memory: number;
  /** Name of the function that runs now. */
  task: string | null;
  /** When that began, in seconds since 1970. */
  since: number | null;
  done: number;
  /** Lines that its tasks have printed. */
  prints?: number;
}

export interface FailureRow {
  /** Names the call for `%scoop debug ID`; empty where it cannot be replayed. */
  id: string;
  /** The remote traceback. */
  error: string;
  arguments: string;
  output: string;
  worker: string;
}

export interface GroupRow extends TaskCounts {
  id: number;
  parent: number | null;
  name: string;
  /** Sum of the tasks' times. */
  seconds: number;
  longest: number;
  /** The first few. */
  failures?: FailureRow[];
  /** What was there before `failures`. */
  errors?: string[];
  /** How many workers have run tasks of it. */
  workers?: number;
  /** Bytes of arguments and functions. */
  sent?: number;
}

export interface Snapshot {
  pool: { name: string; id?: string; state: PoolState };
  /** Seconds since 1970, as are the next two. */
  time: number;
  started: number | null;
  ended: number | null;
  tasks: TaskCounts;
  /** Seconds of CPU that the workers have used for it. */
  cpu: number;
  /** Seconds that they have spent in tasks, whether these computed or waited. */
  busy: number;
  workers: WorkerRow[];
  groups: GroupRow[];
  /** Why it was slow, once it is over. */
  hint?: string;
  /** Which hosts or batch jobs are not there, while it goes on. */
  missing?: Missing | null;
}

/** In words: which of the hosts or batch jobs that should have workers are not there, and what keeps them. */
export interface Missing {
  says: string;
  troubles: string[];
}

/** What ran where and when. Times are seconds since 1970. */
export interface Timeline {
  began: number;
  ended: number;
  functions: string[];
  lanes: { worker: string; spans: Span[] }[];
}

/** Index of the function, begin, end, how many tasks, and how many of them failed. */
export type Span = [fn: number, began: number, ended: number, tasks: number, failed: number];

/** What a panel asks of the pool. */
export type Action =
  | { action: "cancel-task"; worker: string }
  | { action: "restart-worker"; worker: string }
  | { action: "stop" }
  | { action: "timeline" }
  | { action: "drawn" };

/** Fill what a snapshot lacks. */
export function complete(snapshot: Partial<Snapshot> | null | undefined): Snapshot {
  return {
    pool: { name: "scoop", state: "starting" },
    time: 0,
    started: null,
    ended: null,
    cpu: 0,
    busy: 0,
    workers: [],
    groups: [],
    ...snapshot,
    tasks: { queued: 0, running: 0, done: 0, failed: 0, cancelled: 0, ...snapshot?.tasks },
  };
}

/** The failures of a group that are known in detail. */
export function failures(group: GroupRow): FailureRow[] {
  return group.failures ?? (group.errors ?? []).map(
    (error) => ({ id: "", error, arguments: "", output: "", worker: "" }),
  );
}
