/** The head of the panel: how the run stands in a line, how long it takes, and its tasks by their state. */

import { createBar } from "./bars";
import { arrange, createParts, make, makeButton, setAttribute, setText } from "./dom";
import { makeIcon, setIcon } from "./icons";
import {
  balance, elapsed, HEADLINES, isOver, present, progress, remaining, status, worthSaying,
} from "./model";
import { about, duration, number, percent, plural } from "./numbers";
import type { Missing, Snapshot, TaskCounts, TaskState } from "./snapshot";

export interface Header {
  node: HTMLElement;
  update(snapshot: Snapshot, folded: boolean): void;
  /** Move the clock: `passed` seconds after the snapshot; `silent` if a snapshot is overdue. */
  tick(snapshot: Snapshot, passed: number, silent: boolean): void;
}

/**
 * Make the head.
 *
 * @param onFold is called when the user folds or unfolds the panel.
 * @param onStop is called when the user stops the run; without it there is no button for that.
 */
export function createHeader(onFold: () => void, onStop?: () => void): Header {
  const icon = makeIcon();
  const title = make("strong", "scoop-title");
  const says = make("span", "scoop-says");
  const times = make("span", "scoop-times", { role: "timer" });
  const button = make("button", "scoop-fold", { "type": "button", "aria-label": "Details of the run" }, [
    makeIcon("fold"),
  ]);
  button.addEventListener("click", onFold);
  const stop = makeButton("scoop-button scoop-stop", "Cancel all", () => onStop?.());
  stop.title = "Cancel all tasks of this run";
  const node = make("header", "scoop-header", {}, [icon, title, says, times, stop, button]);
  return {
    node,
    update(snapshot, folded) {
      setIcon(icon, status(snapshot));
      setText(title, HEADLINES[status(snapshot)]);
      setText(says, isOver(snapshot) ? balance(snapshot) : place(snapshot));
      stop.hidden = !onStop || isOver(snapshot) || !(snapshot.tasks.queued + snapshot.tasks.running);
      setAttribute(button, "aria-expanded", !folded);
      setAttribute(button, "title", folded ? "Show details" : "Hide details");
    },
    tick(snapshot, passed, silent) {
      const gone = elapsed(snapshot);
      const left = remaining(snapshot);
      const parts: string[] = [];
      if (gone !== null && !isOver(snapshot)) parts.push(duration(silent ? gone : gone + passed));
      if (silent) parts.push(`no news for ${duration(passed)}`);
      else if (left !== null) parts.push(`about ${about(left - passed)} left`);
      setText(times, parts.join(" · "));
    },
  };
}

/** The pool, and how large it is. */
function place({ pool, workers }: Snapshot): string {
  const there = present(workers);
  const hosts = new Set(there.map((worker) => worker.host)).size;
  const where = hosts > 1 ? ` on ${plural(hosts, "host")}` : "";
  return there.length ? `${pool.name} · ${plural(there.length, "worker")}${where}` : pool.name;
}

export interface MissingPart {
  node: HTMLElement;
  update(missing: Missing | null | undefined): void;
}

/** The hosts or batch jobs that should have workers and are not there. */
export function createMissing(): MissingPart {
  const says = make("p", "scoop-muted");
  const troubles = make("ul");
  const items = createParts((trouble: string) => make("li", "", {}, [trouble]));
  const node = make("div", "scoop-missing", {}, [says, troubles]);
  return {
    node,
    update(missing) {
      node.hidden = !missing;
      if (!missing) return;
      setText(says, missing.says);
      arrange(troubles, missing.troubles.map((trouble) => items.get(trouble)));
      items.sweep();
    },
  };
}

export interface Counts {
  node: HTMLElement;
  update(tasks: TaskCounts): void;
}

/** The bar of the whole run, with its legend. */
export function createCounts(): Counts {
  const bar = createBar("Progress of the run");
  const share = make("span", "scoop-share");
  const legend = make("ul", "scoop-legend");
  const items = createParts((state: TaskState) => {
    const count = make("span");
    const swatch = make("span", `scoop-swatch scoop-${state}`, { "aria-hidden": true });
    return { node: make("li", "", {}, [swatch, count]), count };
  });
  const node = make("div", "scoop-counts", {}, [make("div", "scoop-line", {}, [bar.node, share]), legend]);
  return {
    node,
    update(tasks) {
      bar.update(tasks);
      setText(share, percent(progress(tasks)));
      const states = worthSaying(tasks);
      for (const state of states) setText(items.get(state).count, `${number(tasks[state])} ${state}`);
      arrange(legend, states.map((state) => items.get(state).node));
      items.sweep();
    },
  };
}
