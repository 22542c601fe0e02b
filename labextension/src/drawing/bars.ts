/** Bars: of tasks by their state, and of a load. And the button that shows more rows. */

import { arrange, createParts, make, setAttribute, setText, setWidth } from "./dom";
import { progress, total, worthSaying } from "./model";
import { clamped, number, percent, plural } from "./numbers";
import type { TaskCounts, TaskState } from "./snapshot";

const FILLED = ["done", "failed", "running", "cancelled"] as const;

export interface Bar<Value> {
  node: HTMLElement;
  update(value: Value): void;
}

/** A bar of tasks by their state. */
export function createBar(label: string): Bar<TaskCounts> {
  const node = make("div", "scoop-bar", {
    "role": "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100,
  });
  // Made when they are needed: a page of rows has few others than those of what is done.
  const segments = createParts((state: TaskState) => make("div", `scoop-fill scoop-${state}`));
  return {
    node,
    update(tasks) {
      const known = total(tasks) || 1;
      const states = FILLED.filter((state) => tasks[state]);
      for (const state of states) setWidth(segments.get(state), tasks[state] / known);
      arrange(node, states.map((state) => segments.get(state)));
      const says = worthSaying(tasks).map((state) => `${number(tasks[state])} ${state}`).join(", ");
      setAttribute(node, "aria-valuenow", Math.floor(progress(tasks) * 100));
      setAttribute(node, "aria-valuetext", says);
      setAttribute(node, "title", says);
    },
  };
}

/** A bar of one share, 0 to 1. */
export function createLoad(label: string): Bar<number> {
  const fill = make("div", "scoop-fill scoop-done");
  const attributes = { "role": "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 };
  const node = make("div", "scoop-bar scoop-load", attributes, [fill]);
  return {
    node,
    update(share) {
      setWidth(fill, Math.floor(clamped(share) * 100) / 100);
      setAttribute(node, "aria-valuenow", Math.floor(clamped(share) * 100));
      setAttribute(node, "aria-valuetext", percent(share));
    },
  };
}

/** A button that says how many rows are left, and shows the next `step` of them. */
export function createMore(noun: string, step: number, onMore: () => void): Bar<number> {
  const node = make("button", "scoop-more", { type: "button" });
  node.addEventListener("click", onMore);
  return {
    node,
    update(left) {
      node.hidden = left <= 0;
      const portion = left > step ? `${number(step)} of ` : "";
      setText(node, `Show ${portion}${plural(left, `more ${noun}`)}`);
    },
  };
}
