/**
 * The task tree: a row for each group, of which only those in sight are on the page.
 *
 * All rows are of one height, so that ten thousand groups cost no more than thirty. What is told of failures
 * stands below the tree for that reason. The row that has the focus stays on the page, wherever it is.
 */

import { arrange, createParts, make, setAttribute, setText } from "./dom";
import { createFailures } from "./failures";
import type { Replay } from "./failures";
import { number, plural } from "./numbers";
import { COLUMNS, createRow } from "./row";
import type { RowPart } from "./row";
import { filtered, unfolded, walk } from "./rows";
import type { Row } from "./rows";
import type { GroupRow } from "./snapshot";

const ROW_HEIGHT = 24; // pixels, as in the style sheet
const AROUND = 3; // rows that are drawn beyond the edges
const OPEN_DEPTH = 3; // levels that start unfolded
const SEARCH_FROM = 8; // groups: below that, nobody needs to search

export interface TreeOptions {
  /** Runs a failed call again, given its id; returns whether it could. Else the panel shows the line to run. */
  replay?: Replay | undefined;
}

export interface Tree {
  node: HTMLElement;
  update(groups: readonly GroupRow[]): void;
  /** Whether the user has unfolded or opened anything. */
  touched(): boolean;
  dispose(): void;
}

export function createTree({ replay }: TreeOptions = {}): Tree {
  const open = new Map<number, boolean>(); // group id to what the user chose
  let told: number | null = null; // id of the group whose failures are shown
  let current: number | null = null; // id of the row that Tab leads to
  let order: Row[] = []; // all rows
  let shown: Row[] = []; // those that are neither folded away nor filtered out

  const parts = createParts<number, RowPart>(createRow);
  const gaps = createParts<number, HTMLElement>(() => make("tr", "scoop-gap", { "aria-hidden": true }));
  const heads = ["Function", ...COLUMNS].map((title) =>
    make("th", `scoop-column-${title.toLowerCase()}`, { scope: "col" }, [title]),
  );
  const body = make("tbody");
  const table = make("table", "scoop-tree", { "role": "treegrid", "aria-label": "Tasks by function and parent" }, [
    make("thead", "", {}, [make("tr", "", { "aria-rowindex": 1 }, heads)]), body,
  ]);
  const scroll = make("div", "scoop-scroll", {}, [table]);
  const search = make("input", "scoop-search", {
    "type": "search", "placeholder": "Search functions", "aria-label": "Search functions",
  });
  const only = make("input", "", { type: "checkbox" });
  const onlyFailures = make("label", "scoop-only", {}, [only, "Only failures"]);
  const title = make("span", "scoop-muted", { role: "status" });
  const heading = make("div", "scoop-line scoop-heading", {}, [
    title, search, onlyFailures,
  ]);
  const failures = createFailures(replay, () => tell(told));
  // JupyterLab would take the arrow keys to walk among its cells.
  const node = make("section", "scoop-tasks", { "aria-label": "Tasks", "data-lm-suppress-shortcuts": true }, [
    heading, scroll, failures.node,
  ]);
  const sized = new ResizeObserver(draw);
  sized.observe(scroll);
  scroll.addEventListener("scroll", draw, { passive: true });
  search.addEventListener("input", select);
  only.addEventListener("change", select);
  body.addEventListener("click", onClick);
  body.addEventListener("keydown", onKey);

  const isFiltered = (): boolean => search.value.trim() !== "" || only.checked;
  const isOpen = (row: Row): boolean => isFiltered() || (open.get(row.group.id) ?? row.depth < OPEN_DEPTH);

  function update(groups: readonly GroupRow[]): void {
    node.hidden = !groups.length;
    order = walk(groups);
    search.hidden = groups.length < SEARCH_FROM && !search.value;
    onlyFailures.hidden = !only.checked && !groups.some((group) => group.failed);
    select();
  }

  /** Decide which rows are shown. */
  function select(): void {
    const filter = { text: search.value.trim().toLowerCase(), failures: only.checked };
    shown = isFiltered() ? filtered(order, filter) : unfolded(order, isOpen);
    if (!shown.some((row) => row.group.id === current)) current = shown[0]?.group.id ?? null;
    const all = plural(order.length, "group");
    setText(title, isFiltered() ? `${number(shown.length)} of ${all}` : all);
    setAttribute(table, "aria-rowcount", shown.length + 1);
    failures.update(order.find((row) => row.group.id === told)?.group);
    draw();
  }

  /** Put the rows on the page that are in sight, and the current one. */
  function draw(): void {
    const first = Math.floor(scroll.scrollTop / ROW_HEIGHT) - AROUND;
    const last = first + Math.ceil(scroll.clientHeight / ROW_HEIGHT) + 2 * AROUND;
    const nodes: Element[] = [];
    let drawn = 0; // rows that are on the page or stand in a gap
    let between = 0; // gaps
    const gap = (rows: number): void => {
      if (!rows) return;
      const space = gaps.get(between++);
      setAttribute(space, "style", `height: ${rows * ROW_HEIGHT}px`);
      nodes.push(space);
    };
    const put = (row: Row, index: number): void => {
      gap(index - drawn);
      const { id } = row.group;
      const part = parts.get(id);
      part.update(row, { index, open: isOpen(row), current: id === current, told: id === told });
      nodes.push(part.node);
      drawn = index + 1;
    };
    const at = shown.findIndex((row) => row.group.id === current);
    const from = Math.max(0, first);
    const until = Math.min(shown.length, last + 1);
    if (at >= 0 && at < from) put(shown[at]!, at);
    for (let index = from; index < until; index++) put(shown[index]!, index);
    if (at >= until) put(shown[at]!, at);
    gap(shown.length - drawn);
    arrange(body, nodes);
    parts.sweep();
    gaps.sweep();
  }

  function focus(row: Row | undefined): void {
    if (!row) return;
    current = row.group.id;
    const top = shown.indexOf(row) * ROW_HEIGHT;
    const room = scroll.clientHeight - 2 * ROW_HEIGHT; // the head covers the first row
    if (top < scroll.scrollTop) scroll.scrollTop = top;
    else if (top > scroll.scrollTop + room) scroll.scrollTop = top - room;
    draw();
    parts.peek(current)?.node.focus({ preventScroll: true });
  }

  function setOpen(row: Row, value: boolean): void {
    open.set(row.group.id, value);
    current = row.group.id;
    select();
    focus(shown.find((other) => other.group.id === row.group.id));
  }

  /** Show the failures of a group, or hide them if they are shown. */
  function tell(id: number | null): void {
    current = id ?? current;
    told = told === id ? null : id;
    select();
    if (told === null) parts.peek(current ?? NaN)?.node.focus({ preventScroll: true });
  }

  /** Do what a click, Enter or Space on a row asks for. */
  function activate(row: Row): void {
    if (row.group.failed && (!row.kids.length || isFiltered())) tell(row.group.id);
    else if (row.kids.length && !isFiltered()) setOpen(row, !isOpen(row));
  }

  function rowOf(event: Event): Row | undefined {
    const node = (event.target as Element).closest("tr");
    return shown.find((row) => parts.peek(row.group.id)?.node === node);
  }

  function onClick(event: MouseEvent): void {
    const row = rowOf(event);
    if (!row) return;
    if ((event.target as Element).closest("button")) tell(row.group.id);
    else if (getSelection()?.isCollapsed !== false) {
      focus(row);
      activate(row);
    }
  }

  const page = (): number => Math.max(1, Math.floor(scroll.clientHeight / ROW_HEIGHT) - 2);
  const bounded = (at: number): Row | undefined => shown[Math.max(0, Math.min(at, shown.length - 1))];
  const keys: Record<string, (row: Row, at: number) => void> = {
    "ArrowDown": (_, at) => focus(shown[at + 1]),
    "ArrowUp": (_, at) => focus(shown[at - 1]),
    "PageDown": (_, at) => focus(bounded(at + page())),
    "PageUp": (_, at) => focus(bounded(at - page())),
    "Home": () => focus(shown[0]),
    "End": () => focus(shown.at(-1)),
    "ArrowRight": (row, at) => {
      if (row.kids.length && isOpen(row)) focus(shown[at + 1]);
      else if (row.kids.length) setOpen(row, true);
    },
    "ArrowLeft": (row) => {
      if (row.kids.length && isOpen(row) && !isFiltered()) setOpen(row, false);
      else focus(row.parent);
    },
    "Enter": activate,
    " ": activate,
    "e": (row) => row.group.failed && tell(row.group.id),
  };

  function onKey(event: KeyboardEvent): void {
    const row = rowOf(event);
    const act = keys[event.key];
    if (!row || !act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act(row, shown.indexOf(row));
  }

  return { node, update, touched: () => open.size > 0 || told !== null, dispose: () => sized.disconnect() };
}
