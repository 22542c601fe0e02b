/** The whole panel of a run: head, workers, tasks or timeline. Draws at most once per animation frame. */

import { make, setAttribute, setText } from "./dom";
import { createCounts, createHeader, createMissing } from "./header";
import { balance, HEADLINES, isOver, status, total } from "./model";
import type { Status } from "./model";
import { complete } from "./snapshot";
import type { Action, Snapshot, Timeline } from "./snapshot";
import { createTabs } from "./tabs";
import { createTimeline } from "./timeline";
import { createTree } from "./tree";
import type { TreeOptions } from "./tree";
import { createWorkers } from "./workers";

const TICK = 250; // milliseconds between two moves of the clock
const SILENCE = 10; // seconds without a snapshot before the panel says so: the kernel is gone or held up
const TIMELINE_EVERY = 2000; // milliseconds, while somebody looks at it

const NOTES: Partial<Record<Status, string>> = {
  lost: "The pool no longer answers. These are the last numbers it sent.",
};

export interface PanelOptions extends TreeOptions {
  /**
   * Passes on what the user asks of the pool; without it the panel has no buttons for it. What it asks with
   * `{ action: "timeline" }`, while the user looks at that, is answered by `showTimeline`.
   *
   * @returns what to tell the user, if it may take a while until something comes of it.
   */
  send?: ((action: Action) => string | undefined) | undefined;
  /** Whether there will be a timeline; if left out, there is one if `send` can ask for it. */
  timeline?: boolean;
}

export interface Panel {
  node: HTMLElement;
  /** Draw a snapshot in place of the one before, at the next animation frame; the first one at once. */
  show(snapshot: Partial<Snapshot> | null | undefined): void;
  showTimeline: (timeline: Timeline) => void;
  /** Leave the page, with all timers and listeners. */
  dispose(): void;
}

/** Draw a panel at the end of `el`. */
export function createPanel(el: Element, options: PanelOptions = {}): Panel {
  const { send, replay, timeline: timed = send !== undefined } = options;
  const header = createHeader(() => fold(!folded()), send && (() => act({ action: "stop" })));
  const missing = createMissing();
  const hint = make("p", "scoop-hint");
  const counts = createCounts();
  const note = make("p", "scoop-note", { role: "status" });
  const workers = createWorkers(send && act, redraw);
  const tree = createTree({ replay });
  const timeline = createTimeline();
  const panes = [make("div", "", {}, [tree.node]), make("div", "", {}, [timeline.node])];
  const tabs = createTabs(["Tasks", "Timeline"], panes, redraw);
  const body = make("div", "scoop-body", {}, [counts.node, note, workers.node, tabs.node, ...panes]);
  // One sentence for screen readers at each turn of the run; the numbers themselves would never stop talking.
  const news = make("span", "scoop-unseen", { role: "status" });
  const node = make("section", "scoop-panel", { "aria-label": "SCOOP run" }, [
    header.node, missing.node, hint, body, news,
  ]);
  el.append(node);

  let snapshot = complete(null);
  let arrived = performance.now();
  let asked = -Infinity; // when the timeline was asked for, in the same milliseconds
  let settled = false; // the timeline on the page is that of the end
  let frame = 0;
  let empty = true;
  let told = ""; // what `send` had to say
  let choice: boolean | null = null; // folded or not, as the user chose; until then it folds when all went well
  const clock = setInterval(tick, TICK);
  redraw();

  function folded(): boolean {
    return choice ?? (status(snapshot) === "done" && !tree.touched() && tabs.chosen() === 0);
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
    missing.update(state === "lost" ? null : snapshot.missing);
    setText(hint, snapshot.hint ?? "");
    body.hidden = folded();
    if (!body.hidden) {
      counts.node.hidden = !total(snapshot.tasks);
      counts.update(snapshot.tasks);
      setText(note, NOTES[state] ?? told);
      workers.update(snapshot);
      tabs.node.hidden = !timed || !total(snapshot.tasks);
      if (tabs.chosen() === 0) tree.update(snapshot.groups);
    }
    setText(news, isOver(snapshot) ? `${HEADLINES[state]}: ${balance(snapshot)}` : HEADLINES[state]);
    tick();
  }

  function tick(): void {
    const passed = status(snapshot) === "running" ? (performance.now() - arrived) / 1000 : 0;
    const silent = passed > SILENCE;
    setAttribute(node, "data-silent", silent);
    header.tick(snapshot, passed, silent);
    if (body.hidden) return;
    workers.tick(snapshot.time + (silent ? 0 : passed));
    if (tabs.chosen() === 1) askTimeline();
  }

  function askTimeline(): void {
    if (!send || settled || performance.now() - asked < TIMELINE_EVERY) return;
    asked = performance.now();
    settled = isOver(snapshot);
    timeline.explain(send({ action: "timeline" }) ?? "");
  }

  return {
    node,
    show(next) {
      const ended = snapshot.ended !== null;
      if (next?.started !== snapshot.started && ended) {
        choice = null; // the next run
        settled = false;
      }
      if (next?.ended) told = "";
      snapshot = complete(next);
      arrived = performance.now();
      if (empty) redraw();
      else frame ||= requestAnimationFrame(redraw);
      empty = false;
    },
    showTimeline(next) {
      timeline.update(next);
    },
    dispose() {
      clearInterval(clock);
      cancelAnimationFrame(frame);
      tree.dispose();
      timeline.dispose();
      node.remove();
    },
  };
}
