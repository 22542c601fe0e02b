/** One row of the task tree. */

import { createBar } from "./bars";
import { arrange, make, setAttribute, setText } from "./dom";
import { makeIcon, setIcon } from "./icons";
import { finished, mean, total } from "./model";
import { duration, number } from "./numbers";
import type { Row } from "./rows";

/** Columns behind the name. */
export const COLUMNS = ["Progress", "Done", "Running", "Failed", "Mean", "Longest", "Total", "Workers"] as const;

type Column = (typeof COLUMNS)[number];

const MAX_INDENT = 12;

export interface RowState {
  index: number;
  open: boolean;
  /** Tab leads to it. */
  current: boolean;
  /** Its failures are shown below the tree. */
  told: boolean;
}

export interface RowPart {
  node: HTMLTableRowElement;
  update(row: Row, state: RowState): void;
}

export function createRow(): RowPart {
  let drawn = ""; // what the row says now: of ten thousand groups few change between two draws
  const chevron = makeIcon();
  const label = make("span", "scoop-name");
  const badge = make("span", "scoop-badge");
  const bar = createBar("Progress");
  const failed = make("button", "scoop-failures", { type: "button", tabindex: -1 });
  const below = make("span", "scoop-muted");
  const named = make("div", "scoop-cell", {}, [chevron, label]);
  const name = make("th", "", { scope: "row" }, [named]);
  const cell = (column: Column): HTMLElement => make("td", `scoop-column-${column.toLowerCase()}`);
  const [progress, done, running] = [cell("Progress"), cell("Done"), cell("Running")];
  const [failures, average, longest] = [cell("Failed"), cell("Mean"), cell("Longest")];
  const [seconds, workers] = [cell("Total"), cell("Workers")];
  progress.append(bar.node);
  const node = make("tr", "scoop-row", {}, [
    name, progress, done, running, failures, average, longest, seconds, workers,
  ]);

  function update(row: Row, state: RowState): void {
    const { group, kids, depth } = row;
    const { open, current, told } = state;
    const says = JSON.stringify([group, row.below, row.failedBelow, depth, row.position, row.siblings, state]);
    if (says === drawn) return;
    drawn = says;
    setAttribute(node, "aria-level", depth + 1);
    setAttribute(node, "aria-rowindex", state.index + 2); // the head is the first
    setAttribute(node, "aria-posinset", row.position);
    setAttribute(node, "aria-setsize", row.siblings);
    setAttribute(node, "aria-expanded", kids.length ? open : null);
    setAttribute(node, "tabindex", current ? 0 : -1);
    name.style.setProperty("--scoop-depth", String(Math.min(depth, MAX_INDENT)));
    setIcon(chevron, kids.length ? "fold" : "");
    setText(label, group.name);
    setAttribute(label, "title", group.name);
    const closed = kids.length > 0 && !open;
    setText(badge, `+${number(row.below)}`);
    arrange(named, closed ? [chevron, label, badge] : [chevron, label]);
    bar.update(group);
    setText(done, `${number(finished(group))} / ${number(total(group))}`);
    setText(running, group.running ? number(group.running) : "");
    setText(failed, number(group.failed));
    setAttribute(failed, "aria-expanded", told);
    setAttribute(failed, "aria-label", `${number(group.failed)} failed: errors`);
    setText(below, ` +${number(row.failedBelow)} inside`);
    arrange(failures, [...group.failed ? [failed] : [], ...closed && row.failedBelow ? [below] : []]);
    const each = mean(group);
    setText(average, each === null ? "" : duration(each));
    setText(longest, each === null ? "" : duration(group.longest));
    setText(seconds, each === null ? "" : duration(group.seconds));
    setText(workers, group.workers ? number(group.workers) : "");
  }

  return { node, update };
}
