/** All workers' loads as small upright bars, a few pixels each: for places with little room. */

import { make, setAttribute } from "./dom";
import { clamped, percent, plural } from "./numbers";
import type { WorkerRow } from "./snapshot";

const MOST = 64; // bars; of more workers, each bar is the mean of several

export interface Loads {
  node: HTMLElement;
  update(workers: readonly WorkerRow[]): void;
}

export function createLoads(): Loads {
  const node = make("div", "scoop-loads", { role: "img" });
  return {
    node,
    update(workers) {
      const up = workers.filter((worker) => worker.state === "busy" || worker.state === "idle");
      const each = Math.max(1, Math.ceil(up.length / MOST));
      const loads: number[] = [];
      for (let i = 0; i < up.length; i += each) loads.push(mean(up.slice(i, i + each)));
      while (node.childElementCount > loads.length) node.lastElementChild?.remove();
      while (node.childElementCount < loads.length) node.append(make("span", "scoop-load-bar"));
      loads.forEach((load, i) => {
        const height = `${Math.max(4, Math.round(load * 100))}%`;
        const bar = node.children[i] as HTMLElement;
        if (bar.style.height !== height) bar.style.height = height;
      });
      setAttribute(node, "aria-label", `${plural(up.length, "worker")}, load ${percent(mean(up))}`);
      setAttribute(node, "title", node.getAttribute("aria-label") ?? "");
    },
  };
}

function mean(workers: readonly WorkerRow[]): number {
  return workers.length ? workers.reduce((sum, worker) => sum + clamped(worker.busy), 0) / workers.length : 0;
}
