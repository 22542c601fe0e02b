/** The panel as a widget below a cell: what anywidget calls in the browser. */

import { createPanel } from "./drawing";
import type { Action, Snapshot } from "./drawing";

/** The part of anywidget's model that is used here. */
interface Model {
  get(name: "snapshot"): Partial<Snapshot>;
  on(event: string, listener: () => void): void;
  off(event: string, listener: () => void): void;
  send(action: Action): void;
}

// A kernel of ipykernel 6, and of some versions of 7, handles no message of a widget while a cell runs.
const PATIENCE = "Asked. While a cell runs, some kernels hear it only at its end; the stop button works at once.";

function render({ model, el }: { model: Model; el: HTMLElement }): () => void {
  const panel = createPanel(el, {
    send(action) {
      model.send(action);
      return PATIENCE;
    },
  });
  const draw = (): void => panel.show(model.get("snapshot"));
  model.on("change:snapshot", draw);
  draw();
  return () => {
    model.off("change:snapshot", draw);
    panel.dispose();
  };
}

export * from "./drawing";
export default { render };
