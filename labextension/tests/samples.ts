/** Groups and snapshots for tests. */

import { complete } from "../src/drawing";
import type { GroupRow, Snapshot, WorkerRow } from "../src/drawing";

export function group(id: number, parent: number | null, name: string, more: Partial<GroupRow> = {}): GroupRow {
  return {
    id, parent, name, queued: 0, running: 0, done: 1, failed: 0, cancelled: 0, seconds: 1, longest: 1, failures: [],
    ...more,
  };
}

export function worker(name: string, more: Partial<WorkerRow> = {}): WorkerRow {
  return {
    name, pid: 1, host: "here", state: "idle", busy: 0, cpu: 1, memory: 1 << 20, task: null, since: null, done: 3,
    ...more,
  };
}

export function snapshot(more: Partial<Snapshot>): Snapshot {
  return complete({ pool: { name: "p", state: "running" }, time: 100, started: 90, ...more });
}
