/** The whole panel of a run: head, workers, tasks. Draws at most once per animation frame. */

import { make, setAttribute, setText } from "./dom";
import { createCounts, createHeader } from "./header";
import { balance, HEADLINES, isOver, status, total } from "./model";
import type { Status } from "./model";
import { complete } from "./snapshot";
import type { Action, Snapshot } from "./snapshot";
import { createTree } from "./tree";
import type { TreeOptions } from "./tree";
import { createWorkers } from "./workers";

const TICK = 250; // milliseconds between two moves of the clock
const SILENCE = 10; // seconds without a snapshot before the panel says so: the kernel is gone or held up

const NOTES: Partial<Record<Status, string>> = {
  lost: "The pool no longer answers. These are the last numbers it sent.",
};

export interface PanelOptions extends TreeOptions {
  /**
   * Passes on what the user asks of the pool; without it the panel has no buttons for it.
   *
   * @returns what to tell the user, if the answer may take its time.
   */
  send?: ((action: Action) => string | undefined) | undefined;
}

export interface Panel {
  node: HTMLElement;
  /** Draw a snapshot in place of the one before, at the next animation frame; the first one at once. */
  show(snapshot: Partial<Snapshot> | null | undefined): void;
  /** Leave the page, with all timers and listeners. */
  dispose(): void;
}

/** Draw a panel at the end of `el`. */
export function createPanel(el: Element, { send, replay }: PanelOptions = {}): Panel {
  const header = createHeader(() => fold(!folded()));
  const counts = createCounts();
  const note = make("p", "scoop-note", { role: "status" });
  const workers = createWorkers(send && act, redraw);
  const tree = createTree({ replay });
  const body = make("div", "scoop-body", {}, [counts.node, note, workers.node, tree.node]);
  // One sentence for screen readers at each turn of the run; the numbers themselves would never stop talking.
  const news = make("span", "scoop-unseen", { role: "status" });
  const node = make("section", "scoop-panel", { "aria-label": "SCOOP run" }, [header.node, body, news]);
  el.append(node);

  let snapshot = complete(null);
  let arrived = performance.now();
  let frame = 0;
  let empty = true;
  let told = ""; // what `send` had to say
  let choice: boolean | null = null; // folded or not, as the user chose; until then it folds when all went well
  const clock = setInterval(tick, TICK);
  redraw();

  function folded(): boolean {
    return choice ?? (status(snapshot) === "done" && !tree.touched());
  }

  function fold(value: boolean): void {
    choice = value;
    redraw();
  }

  function act(action: Action): void {
    told = send?.(action) ?? "";
    redraw();
  }

  function redraw(): void {
    frame = 0;
    const state = status(snapshot);
    setAttribute(node, "data-status", state);
    setAttribute(node, "data-folded", folded());
    header.update(snapshot, folded());
    body.hidden = folded();
    if (!body.hidden) {
      counts.node.hidden = !total(snapshot.tasks);
      counts.update(snapshot.tasks);
      setText(note, NOTES[state] ?? told);
      workers.update(snapshot);
      tree.update(snapshot.groups);
    }
    setText(news, isOver(snapshot) ? `${HEADLINES[state]}: ${balance(snapshot)}` : HEADLINES[state]);
    tick();
  }

  function tick(): void {
    const passed = status(snapshot) === "running" ? (performance.now() - arrived) / 1000 : 0;
    const silent = passed > SILENCE;
    setAttribute(node, "data-silent", silent);
    header.tick(snapshot, passed, silent);
    if (!body.hidden) workers.tick(snapshot.time + (silent ? 0 : passed));
  }

  return {
    node,
    show(next) {
      if (next?.started !== snapshot.started && snapshot.ended !== null) choice = null; // the next run
      if (next?.ended) told = "";
      snapshot = complete(next);
      arrived = performance.now();
      if (empty) redraw();
      else frame ||= requestAnimationFrame(redraw);
      empty = false;
    },
    dispose() {
      clearInterval(clock);
      cancelAnimationFrame(frame);
      tree.dispose();
      node.remove();
    },
  };
}
