/** What is known of a group's failures: tracebacks, arguments, prints; and the way to run the call again here. */

import { arrange, make, makeButton, setText } from "./dom";
import { plural } from "./numbers";
import { failures as known } from "./snapshot";
import type { FailureRow, GroupRow } from "./snapshot";

/** The line that runs a failed call again, in the notebook, under the debugger. */
export const replayLine = (id: string): string => `%scoop debug ${id}`;

/** Runs a failed call again, given its id; returns whether it could. */
export type Replay = (id: string) => boolean;

export interface Failures {
  node: HTMLElement;
  /** Show the failures of a group; nothing without one. */
  update(group: GroupRow | undefined): void;
}

/**
 * Make the pane.
 *
 * @param replay runs a call again; where it can't, the line to run is shown, to copy it.
 * @param onClose is called when the user closes the pane.
 */
export function createFailures(replay: Replay | undefined, onClose: () => void): Failures {
  const title = make("span", "scoop-subtitle");
  const close = makeButton("scoop-quiet", "Close", onClose);
  const list = make("ul");
  const head = make("div", "scoop-line", {}, [title, close]);
  const node = make("section", "scoop-errors", { "aria-label": "Failures" }, [head, list]);
  let drawn = "";
  return {
    node,
    update(group) {
      node.hidden = !group;
      if (!group) return;
      const failures = known(group);
      const says = JSON.stringify([group.id, group.failed, failures]);
      if (says === drawn) return; // what the user has selected or scrolled to stays
      drawn = says;
      setText(title, `${group.name}: ${plural(group.failed, "failure")} of ${plural(failures.length, "kind")}`);
      arrange(list, failures.map((failure) => createFailure(failure, replay)));
    },
  };
}

function createFailure(failure: FailureRow, replay: Replay | undefined): HTMLElement {
  const node = make("li");
  if (failure.worker) node.append(make("div", "scoop-muted", {}, [`on ${failure.worker}`]));
  node.append(make("pre", "scoop-traceback", { tabindex: 0 }, [failure.error]));
  if (failure.arguments) node.append(labelled("Arguments", failure.arguments));
  if (failure.output) node.append(labelled("Printed", failure.output));
  if (failure.id) node.append(createReplay(failure.id, replay));
  return node;
}

function labelled(label: string, text: string): HTMLElement {
  return make("div", "scoop-labelled", {}, [
    make("span", "scoop-muted", {}, [label]), make("pre", "", { tabindex: 0 }, [text]),
  ]);
}

function createReplay(id: string, replay: Replay | undefined): HTMLElement {
  const line = make("code", "scoop-command", { tabindex: 0 }, [replayLine(id)]);
  const copy = makeButton("scoop-button", "Copy", () => {
    navigator.clipboard.writeText(replayLine(id)).then(
      () => setText(copy, "Copied"),
      () => getSelection()?.selectAllChildren(line), // the browser may forbid it
    );
  });
  const byHand = make("span", "scoop-line", { role: "status" });
  const button = makeButton("scoop-button", "Replay here", () => {
    if (!replay?.(id)) byHand.replaceChildren("run", line, "in a cell", copy);
  });
  return make("div", "scoop-line", {}, [button, byHand]);
}
