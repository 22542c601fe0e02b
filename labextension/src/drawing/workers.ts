/** The workers: a row each, with what it does now, how loaded it is, and the buttons that act on it. */

import { createMore } from "./bars";
import { arrange, createParts, make, setAttribute, setText } from "./dom";
import { isOver, present, status } from "./model";
import { number, percent, size } from "./numbers";
import type { Action, Snapshot, WorkerRow } from "./snapshot";
import { createWorker, WORKER_COLUMNS } from "./worker";
import type { WorkerPart } from "./worker";

const MORE_WORKERS = 64;
const WORKER_STATES = ["busy", "idle", "starting", "lost", "stopped"] as const;

export interface Workers {
  node: HTMLElement;
  update(snapshot: Snapshot): void;
  /** Move the clocks: it is `now`, in seconds since 1970. */
  tick(now: number): void;
}

/**
 * Make the section.
 *
 * @param act is called for what the buttons ask; without it there are none.
 * @param redraw is called when more rows shall be shown.
 */
export function createWorkers(act: ((action: Action) => void) | undefined, redraw: () => void): Workers {
  let limit = MORE_WORKERS;
  const title = make("span", "scoop-muted");
  const heading = make("div", "scoop-line scoop-heading", {}, [make("h4", "", {}, ["Workers "]), title]);
  const heads = WORKER_COLUMNS.map((name) =>
    make("th", `scoop-column-${name.toLowerCase()}`, { scope: "col" }, [name]),
  );
  if (act) heads.push(make("th", "scoop-column-acts", { scope: "col" }, [make("span", "scoop-unseen", {}, ["Act"])]));
  const table = make("table", "scoop-workers-table", {}, [make("thead", "", {}, [make("tr", "", {}, heads)])]);
  const hosts = createParts((name: string) => createHost(name, act));
  const more = createMore("worker", MORE_WORKERS, () => {
    limit += MORE_WORKERS;
    redraw();
  });
  const scroll = make("div", "scoop-scroll", {}, [table]);
  const node = make("section", "scoop-workers", { "aria-label": "Workers" }, [heading, scroll, more.node]);

  function update(snapshot: Snapshot): void {
    const { workers } = snapshot;
    const over = isOver(snapshot) && status(snapshot) !== "lost";
    node.hidden = !workers.length;
    setText(title, describe(workers, over));
    setAttribute(table, "data-over", over);
    const byHost = groupByHost(workers.slice(0, limit));
    const bodies: Element[] = [...table.tHead ? [table.tHead] : []];
    for (const [host, members] of byHost) {
      hosts.get(host).update(members, byHost.size > 1, over);
      bodies.push(hosts.get(host).node);
    }
    arrange(table, bodies);
    hosts.sweep();
    more.update(workers.length - limit);
  }

  return { node, update, tick: (now) => hosts.each((host) => host.tick(now)) };
}

/** Say of workers together what each of them says of itself: state by state while they run, then only how many. */
function describe(workers: WorkerRow[], over: boolean): string {
  const sum = (rows: WorkerRow[], field: "busy" | "memory"): number =>
    rows.reduce((value, row) => value + row[field], 0);
  const count = (state: string): number => workers.filter((worker) => worker.state === state).length;
  const up = workers.filter((worker) => worker.state === "busy" || worker.state === "idle");
  const says = over
    ? [number(present(workers).length)]
    : WORKER_STATES.filter(count).map((state) => `${number(count(state))} ${state}`);
  if (up.length && !over) says.push(`load ${percent(sum(up, "busy") / up.length)}`);
  if (up.length) says.push(size(sum(up, "memory")));
  return says.join(" · ");
}

function groupByHost(workers: WorkerRow[]): Map<string, WorkerRow[]> {
  const hosts = new Map<string, WorkerRow[]>();
  for (const worker of workers) {
    const members = hosts.get(worker.host);
    if (members) members.push(worker);
    else hosts.set(worker.host, [worker]);
  }
  return hosts;
}

function createHost(name: string, act: ((action: Action) => void) | undefined) {
  // One cell, whose text reaches over those that follow: a span would bring back the columns that are hidden.
  const sum = make("span", "scoop-muted");
  const title = make("tr", "scoop-host", {}, [make("th", "", { scope: "rowgroup" }, [`${name} `, sum])]);
  const node = make("tbody");
  const rows = createParts<string, WorkerPart>(() => createWorker(act));
  return {
    node,
    update(workers: WorkerRow[], named: boolean, over: boolean) {
      title.hidden = !named;
      if (named) setText(sum, describe(workers, over));
      // A worker that was replaced may have left its name to its successor.
      const parts = workers.map((worker) => rows.get(`${worker.name} ${worker.pid}`));
      parts.forEach((part, i) => part.update(workers[i]!, over));
      arrange(node, [title, ...parts.map((part) => part.node)]);
      rows.sweep();
    },
    tick: (now: number) => rows.each((row) => row.tick(now)),
  };
}
