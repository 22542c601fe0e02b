/** The rows of the task tree: which there are, in which order, and which of them are shown. Pure. */

import type { GroupRow } from "./snapshot";

/** A group with all that drawing it needs to know of its neighbours. */
export interface Row {
  group: GroupRow;
  parent: Row | undefined;
  kids: Row[];
  depth: number;
  /** From 1, among its siblings. */
  position: number;
  siblings: number;
  /** How many groups are below it, and how many failed tasks these have. */
  below: number;
  failedBelow: number;
}

export interface Filter {
  /** Part of a function's name, in lower case. */
  text: string;
  failures: boolean;
}

/** Put the groups in order, each after its parent; one with an unknown parent is a root. */
export function walk(groups: readonly GroupRow[]): Row[] {
  const rows = new Map<number, Row>();
  for (const group of groups) {
    rows.set(group.id, {
      group, parent: undefined, kids: [], depth: 0, position: 0, siblings: 0, below: 0, failedBelow: 0,
    });
  }
  const roots: Row[] = [];
  for (const row of rows.values()) {
    row.parent = row.group.parent === null ? undefined : rows.get(row.group.parent);
    row.position = (row.parent?.kids ?? roots).push(row);
  }
  const order: Row[] = [];
  const stack = roots.toReversed();
  for (let row = stack.pop(); row; row = stack.pop()) {
    order.push(row);
    row.depth = row.parent ? row.parent.depth + 1 : 0;
    row.siblings = (row.parent?.kids ?? roots).length;
    for (let i = row.kids.length - 1; i >= 0; i--) stack.push(row.kids[i]!);
  }
  // Children come after their parents, so backwards each is complete when it is added to its parent.
  for (let i = order.length - 1; i >= 0; i--) {
    const { parent, below, failedBelow, group } = order[i]!;
    if (!parent) continue;
    parent.below += below + 1;
    parent.failedBelow += failedBelow + group.failed;
  }
  return order;
}

/** Leave out the rows that lie under a folded one. */
export function unfolded(order: readonly Row[], isOpen: (row: Row) => boolean): Row[] {
  const visible: Row[] = [];
  let closed = Infinity; // depth of the folded row that we are below
  for (const row of order) {
    if (row.depth > closed) continue;
    closed = row.kids.length && !isOpen(row) ? row.depth : Infinity;
    visible.push(row);
  }
  return visible;
}

/** Keep the rows that a filter is after, and those that lead to them. */
export function filtered(order: readonly Row[], { text, failures }: Filter): Row[] {
  const kept = new Set<Row>();
  for (const row of order) {
    if (failures && !row.group.failed) continue;
    if (!row.group.name.toLowerCase().includes(text)) continue;
    for (let at: Row | undefined = row; at && !kept.has(at); at = at.parent) kept.add(at);
  }
  return order.filter((row) => kept.has(row));
}
