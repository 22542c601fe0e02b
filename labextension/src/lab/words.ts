/** What is said of pools, in a few words. */

import { number, percent, plural } from "../drawing";
import type { PoolRow } from "./tokens";

/** What a pool does. */
export function says(row: PoolRow): string {
  if (row.stillborn > 3 && row.workers < row.wanted) return "its workers die while they start";
  if (row.workers !== row.wanted) return `${number(row.workers)} of ${plural(row.wanted, "worker")}`;
  return `${plural(row.workers, "worker")}, ${percent(row.busy)} busy`;
}

/** Who a pool belongs to. */
export function belongs(row: PoolRow): string {
  if (row.notebook !== null) return row.notebook;
  if (row.kept) return "started here";
  return row.program || `process ${row.pid}`;
}

/** How far its tasks are. */
export function counts({ tasks }: PoolRow): string {
  const open = tasks.queued + tasks.running;
  const parts = [open ? `${plural(open, "task")} to do` : "", tasks.done ? `${number(tasks.done)} done` : "",
    tasks.failed ? `${number(tasks.failed)} failed` : ""];
  return parts.filter(Boolean).join(" · ") || "no tasks yet";
}

/** How many workers of all pools are busy. */
export function sums(rows: readonly PoolRow[]): string {
  const workers = rows.reduce((sum, row) => sum + row.workers, 0);
  const busy = rows.reduce((sum, row) => sum + row.busy * row.workers, 0);
  return `SCOOP ${number(Math.round(busy))}/${number(workers)}`;
}
