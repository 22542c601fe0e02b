/** One pool in the sidebar: what it is, how it fares, and what can be done with it. */

import { percent, size } from "../drawing";
import { make, makeButton, setAttribute, setText } from "../drawing/dom";
import type { PoolRow } from "./tokens";
import { belongs, counts, says } from "./words";

const WIDTH = 60; // of the load's curve, in seconds, and as many pixels
const HEIGHT = 20;

/** What the user may ask for; the names are those of commands. */
export type Wish = "connect" | "open-panel" | "scale" | "cancel" | "stop";

// What is wanted most; all is in the menu.
const BUTTONS: readonly [Wish, string, string][] = [
  ["connect", "Connect", "Have the current notebook use this pool"],
  ["open-panel", "Panel", "Show its workers and tasks in a tab"],
  ["scale", "Scale…", "Change the number of its workers"],
  ["cancel", "Cancel", "Cancel all that it runs, whichever cell waits for it; its workers stay"],
  ["stop", "Stop", "End the pool"],
];

export interface Item {
  node: HTMLElement;
  update(row: PoolRow, load: readonly number[]): void;
}

/**
 * @param ask is told what the user wants.
 * @param more opens the menu with all that can be done, at this place of the page.
 */
export function createItem(name: string, ask: (wish: Wish) => void, more: (x: number, y: number) => void): Item {
  const title = make("strong", "scoop-pool-name", {}, [name]);
  const curve = createCurve();
  const workers = make("span");
  const memory = make("span");
  const missing = make("span");
  const owner = make("span", "scoop-pool-owner");
  const tasks = make("span");
  const buttons = BUTTONS.map(([wish, text, help]) => {
    const button = makeButton("scoop-small", text, () => ask(wish));
    setAttribute(button, "title", help);
    setAttribute(button, "aria-label", `${text.replace("…", "")} pool ${name}`);
    return button;
  });
  const menu = makeButton("scoop-small", "⋯", () => {
    const { left, bottom } = menu.getBoundingClientRect();
    more(left, bottom);
  });
  setAttribute(menu, "aria-label", `More for pool ${name}`);
  setAttribute(menu, "aria-haspopup", "menu");
  const node = make("li", "scoop-pool", { "data-pool": name, "title": "Drag it into a notebook to connect that" }, [
    make("div", "scoop-pool-line", {}, [title, curve.node]),
    make("div", "scoop-pool-line", {}, [workers, memory]),
    make("div", "scoop-pool-line", {}, [missing]),
    make("div", "scoop-pool-line", {}, [owner]),
    make("div", "scoop-pool-line", {}, [tasks]),
    make("div", "scoop-pool-buttons", {}, [...buttons, menu]),
  ]);
  node.addEventListener("contextmenu", (event) => {
    event.preventDefault();
    event.stopPropagation();
    more(event.clientX, event.clientY);
  });
  node.addEventListener("dblclick", (event) => event.target instanceof HTMLButtonElement || ask("open-panel"));
  return {
    node,
    update(row, load) {
      setAttribute(node, "data-busy", row.tasks.running > 0);
      setText(workers, says(row));
      setText(memory, size(row.memory));
      setText(missing, row.missing?.says ?? "");
      setAttribute(missing, "title", row.missing ? [row.missing.says, ...row.missing.troubles].join("\n") : null);
      setText(owner, belongs(row));
      setAttribute(owner, "title", belongs(row));
      setText(tasks, counts(row));
      curve.update(load);
    },
  };
}

/** The load of the last minute; the newest is at the right. */
function createCurve(): { node: Element; update(load: readonly number[]): void } {
  const node = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  for (const [key, value] of Object.entries({
    class: "scoop-curve", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
  })) node.setAttribute(key, value);
  node.append(path);
  return {
    node,
    update(load) {
      const points = load.map((share, at) => `${WIDTH - load.length + at + 1},${(1 - share) * (HEIGHT - 2) + 1}`);
      const from = WIDTH - load.length + 1;
      setAttribute(path, "d", points.length ? `M${from},${HEIGHT} L${points.join(" ")} L${WIDTH},${HEIGHT} Z` : "");
      setAttribute(node, "aria-label", `${percent(load.at(-1) ?? 0)} busy`);
    },
  };
}
