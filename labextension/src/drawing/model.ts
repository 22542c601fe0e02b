/** What the numbers of a snapshot say: the conclusions of balance.py, to which a test holds these functions. */

import { duration, number, percent, plural, ratio, size } from "./numbers";
import type { GroupRow, Snapshot, TaskCounts, TaskState, WorkerRow } from "./snapshot";

export type Status = "starting" | "waiting" | "running" | "done" | "failed" | "cancelled" | "stopped" | "lost";

export const STATES: readonly TaskState[] = ["done", "failed", "running", "queued", "cancelled"];

export const HEADLINES: Readonly<Record<Status, string>> = {
  starting: "Starting",
  waiting: "Waiting for tasks",
  running: "Running",
  done: "Finished",
  failed: "Finished with failures",
  cancelled: "Cancelled",
  stopped: "Stopped",
  lost: "Pool lost",
};

const BEFORE_ESTIMATE = 0.5; // seconds: earlier than that, the estimate would only jump about

export const total = (tasks: TaskCounts): number => STATES.reduce((sum, state) => sum + tasks[state], 0);

/** How many tasks were carried out, well or badly. */
export const finished = (tasks: TaskCounts): number => tasks.done + tasks.failed;

/** The counts worth a word: those that are not zero, and always what is done. */
export const worthSaying = (tasks: TaskCounts): TaskState[] =>
  STATES.filter((state) => tasks[state] || state === "done");

/** The mean seconds of a group's tasks; null before the first is over. */
export const mean = (group: GroupRow): number | null => (finished(group) ? group.seconds / finished(group) : null);

/** The share of tasks that need nothing more. */
export function progress(tasks: TaskCounts): number {
  return total(tasks) ? (finished(tasks) + tasks.cancelled) / total(tasks) : 0;
}

/** The seconds from the first task to the end, or until now. */
export function elapsed(snapshot: Snapshot): number | null {
  return snapshot.started === null ? null : Math.max(0, (snapshot.ended ?? snapshot.time) - snapshot.started);
}

/** The one word for how the run stands. */
export function status(snapshot: Snapshot): Status {
  const { pool, tasks } = snapshot;
  if (pool.state === "lost") return "lost";
  if (snapshot.ended !== null) {
    if (tasks.failed) return "failed";
    return finished(tasks) < total(tasks) ? "cancelled" : "done";
  }
  if (pool.state !== "running") return pool.state;
  return snapshot.started === null ? "waiting" : "running";
}

export const isOver = (snapshot: Snapshot): boolean => snapshot.ended !== null || status(snapshot) === "lost";

/** Estimate the seconds that are left; null where nothing supports an estimate. */
export function remaining(snapshot: Snapshot): number | null {
  const gone = elapsed(snapshot);
  const { tasks } = snapshot;
  const over = finished(tasks);
  const waiting = tasks.queued + tasks.running;
  if (gone === null || gone < BEFORE_ESTIMATE || status(snapshot) !== "running" || !over || !waiting) return null;
  let left = 0;
  let passed = 0;
  for (const group of snapshot.groups) {
    const each = mean(group) ?? snapshot.busy / over;
    left += each * (group.queued + group.running / 2);
    passed += group.seconds + (each * group.running) / 2;
  }
  return passed > 0 ? (gone * left) / passed : (gone * waiting) / over;
}

/** The one line that stays after a run. */
export function balance(snapshot: Snapshot): string {
  const { tasks, cpu, busy, groups } = snapshot;
  const wall = elapsed(snapshot);
  const over = finished(tasks);
  const known = total(tasks);
  const tasksDone = over === known ? plural(over, "task") : `${number(over)} of ${plural(known, "task")}`;
  const parts = [wall === null ? tasksDone : `${tasksDone} in ${duration(wall)} (wall)`];
  if (over) {
    parts.push(`${duration(cpu)} CPU`);
    const workers = present(snapshot.workers).length;
    if (wall && workers) {
      parts.push(`speed-up ${ratio(busy / wall)} on ${plural(workers, "worker")}`);
      parts.push(`efficiency ${percent(busy / wall / workers)}`);
    }
    const longest = groups.reduce((most, group) => Math.max(most, group.longest), 0);
    if (longest) parts.push(`longest ${duration(longest)}`);
    const moved = groups.reduce((sum, group) => sum + (group.sent ?? 0), 0);
    if (moved) parts.push(`${size(moved)} sent`);
  }
  for (const state of ["failed", "cancelled"] as const) {
    if (tasks[state]) parts.push(`${number(tasks[state])} ${state}`);
  }
  return parts.join(" · ");
}

/** Leave out lost workers, whose successors are in the list too, unless all are lost. */
export function present(workers: WorkerRow[]): WorkerRow[] {
  const there = workers.filter((worker) => worker.state !== "lost");
  return there.length ? there : workers;
}
