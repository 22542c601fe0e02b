/** The panel as a widget below a cell: what anywidget calls in the browser. */

import { ACTION_EVENT, ask, END_EVENT, REPLAY_EVENT } from "./asking";
import type { EndRequest } from "./asking";
import { createPanel, replayLine } from "./drawing";
import type { Action, Snapshot, Timeline } from "./drawing";

interface Traits {
  snapshot: Partial<Snapshot>;
  timeline: Timeline | Record<string, never>;
  end: EndRequest | Record<string, never>;
  run: number;
}

/** The part of anywidget's model that is used here. */
interface Model {
  get<Name extends keyof Traits>(name: Name): Traits[Name];
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
  send(action: Action): void;
}

// A kernel of ipykernel 6, and of some versions of 7, handles no message of a widget while a cell runs.
const PATIENCE = "Asked. While a cell runs, some kernels hear it only at its end; the stop button works at once.";

/** Called for each panel that the kernel still has, whether it is in sight or not: it may be the output of a cell. */
function initialize({ model }: { model: Model }): () => void {
  const tell = (): void => {
    const end = model.get("end");
    if ("data" in end) ask(document, END_EVENT, end as EndRequest);
  };
  model.on("change:end", tell);
  tell();
  return () => model.off("change:end", tell);
}

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const panel = createPanel(el, {
    send(action) {
      const { name: pool = "", id = "" } = model.get("snapshot").pool ?? {};
      const request = { pool, id, run: model.get("run"), action, showTimeline: panel.showTimeline };
      if (ask(el, ACTION_EVENT, request)) return undefined;
      model.send(action);
      return PATIENCE;
    },
    replay: (id) => ask(el, REPLAY_EVENT, { line: replayLine(id) }),
  });
  const draw = (): void => panel.show(model.get("snapshot"));
  const drawTimeline = (): void => {
    const timeline = model.get("timeline");
    if ("lanes" in timeline) panel.showTimeline(timeline as Timeline);
  };
  model.on("change:snapshot", draw);
  model.on("change:timeline", drawTimeline);
  draw();
  drawTimeline();
  // VS Code has only HTML of what the notebook keeps, without the timeline: where it draws panels, they stay.
  if (document.body.matches("[class*='vscode-']")) model.send({ action: "drawn" });
  return () => {
    model.off("change:snapshot", draw);
    model.off("change:timeline", drawTimeline);
    panel.dispose();
  };
}

export * from "./drawing";
export default { initialize, render };
