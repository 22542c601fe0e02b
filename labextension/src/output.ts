/** The last state of a run, as a notebook keeps it: drawn again by JupyterLab, without a kernel. See `saved.py`. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { IRenderMimeRegistry } from "@jupyterlab/rendermime";
import type { IRenderMime } from "@jupyterlab/rendermime-interfaces";
import { Widget } from "@lumino/widgets";

import { ask, REPLAY_EVENT } from "./asking";
import { createPanel, replayLine } from "./drawing";
import type { Panel, Snapshot, Timeline } from "./drawing";

const RUN_MIME = "application/vnd.scoop.run+json";

interface SavedRun {
  snapshot: Snapshot;
  timeline: Timeline | null;
}

/** An output that is such a state. */
export class SavedPanel extends Widget implements IRenderMime.IRenderer {
  private _panel: Panel | null = null;

  renderModel(model: IRenderMime.IMimeModel): Promise<void> {
    const { snapshot, timeline } = model.data[RUN_MIME] as unknown as SavedRun;
    this._panel ??= createPanel(this.node, {
      replay: (id) => ask(this.node, REPLAY_EVENT, { line: replayLine(id) }),
      timeline: timeline !== null,
    });
    this._panel.show(snapshot);
    if (timeline) this._panel.showTimeline(timeline);
    return Promise.resolve();
  }

  override dispose(): void {
    this._panel?.dispose();
    super.dispose();
  }
}

export const output: JupyterFrontEndPlugin<void> = {
  id: "scoop-jupyter:output",
  description: "Draws runs that are over.",
  autoStart: true,
  requires: [IRenderMimeRegistry],
  activate: (_app: JupyterFrontEnd, registry: IRenderMimeRegistry) => {
    // Safe: all that comes from the file goes on the page as text, also in a notebook that is not trusted.
    // Before widgets, which have -10: VS Code saves with it a widget that has no kernel any more.
    registry.addFactory({ safe: true, mimeTypes: [RUN_MIME], createRenderer: () => new SavedPanel() }, -20);
  },
};
