/** A row of tabs, of which one is chosen; by mouse, and by the arrow keys. */

import { make, setAttribute } from "./dom";

export interface Tabs {
  node: HTMLElement;
  chosen(): number;
}

/** Make tabs for `panes`, and show the first pane. */
export function createTabs(names: readonly string[], panes: readonly HTMLElement[], onChoose: () => void): Tabs {
  let chosen = 0;
  const prefix = `scoop-view-${Math.random().toString(36).slice(2)}`; // ids must differ on a page
  const tabs = names.map((name, i) => {
    const tab = make("button", "scoop-view", {
      "type": "button", "role": "tab", "id": `${prefix}-${i}`, "aria-controls": `${prefix}-pane-${i}`,
    }, [name]);
    tab.addEventListener("click", () => choose(i));
    return tab;
  });
  panes.forEach((pane, i) => {
    pane.id = `${prefix}-pane-${i}`;
    pane.setAttribute("role", "tabpanel");
    pane.setAttribute("aria-labelledby", `${prefix}-${i}`);
  });
  const node = make("div", "scoop-views", { "role": "tablist", "data-lm-suppress-shortcuts": true }, tabs);
  node.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    choose((chosen + step + tabs.length) % tabs.length);
    tabs[chosen]?.focus();
  });
  draw();

  function choose(next: number): void {
    chosen = next;
    draw();
    onChoose();
  }

  function draw(): void {
    tabs.forEach((tab, i) => {
      setAttribute(tab, "aria-selected", i === chosen);
      setAttribute(tab, "tabindex", i === chosen ? 0 : -1);
    });
    panes.forEach((pane, i) => (pane.hidden = i !== chosen));
  }

  return { node, chosen: () => chosen };
}
