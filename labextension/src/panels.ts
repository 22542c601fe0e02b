/** Does what panels below cells ask for, also while their kernel is busy: see `asking.ts`. */

import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { INotebookTracker } from "@jupyterlab/notebook";
import type { NotebookPanel } from "@jupyterlab/notebook";

import { ACTION_EVENT, END_EVENT, REPLAY_EVENT } from "./asking";
import type { ActionRequest, EndRequest, ReplayRequest } from "./asking";
import { act } from "./lab/acting";
import { complain } from "./lab/dialogs";
import { replaceView, runBelow } from "./lab/notebooks";
import { IPools } from "./lab/tokens";

export const panels: JupyterFrontEndPlugin<void> = {
  id: "scoop-jupyter:panels",
  description: "Does what panels in notebooks ask for.",
  autoStart: true,
  requires: [IPools, INotebookTracker],
  activate: (_app: JupyterFrontEnd, pools: IPools, notebooks: INotebookTracker) => {
    document.addEventListener(ACTION_EVENT, (event) => {
      const { detail, target } = event as CustomEvent<ActionRequest>;
      if (attempt(pools, notebooks, detail, target as Element)) event.preventDefault();
    });
    document.addEventListener(REPLAY_EVENT, (event) => {
      const { detail, target } = event as CustomEvent<ReplayRequest>;
      const notebook = notebookOf(notebooks, target as Element);
      if (!notebook) return;
      event.preventDefault();
      runBelow(notebook, detail.line).catch((error: unknown) => complain("SCOOP", error));
    });
    document.addEventListener(END_EVENT, (event) => {
      const { model_id: id, data } = (event as CustomEvent<EndRequest>).detail;
      notebooks.forEach((notebook) => replaceView(notebook, id, data));
    });
  },
};

/** Do what a panel asks for, if that is possible from here. */
function attempt(pools: IPools, notebooks: INotebookTracker, request: ActionRequest, panel: Element): boolean {
  const { pool, id, action, showTimeline } = request;
  // The stop button of a run is that of its notebook while the cell runs; else the kernel is free to listen.
  if (action.action === "stop") return interrupt(notebooks, panel);
  if (!pools.rows.some((row) => row.id === id)) return false;
  act(pools, pool, action, showTimeline);
  return true;
}

/** Interrupt the kernel if it is the panel's own cell that runs. */
function interrupt(notebooks: INotebookTracker, panel: Element): boolean {
  const notebook = notebookOf(notebooks, panel);
  const cell = notebook?.content.widgets.find((cell) => cell.node.contains(panel));
  const kernel = notebook?.sessionContext.session?.kernel;
  const prompt = cell?.node.querySelector(".jp-InputArea-prompt")?.textContent ?? "";
  if (!kernel || !prompt.includes("*")) return false;
  kernel.interrupt().catch((error: unknown) => complain("SCOOP", error));
  return true;
}

function notebookOf(notebooks: INotebookTracker, node: Element): NotebookPanel | undefined {
  return notebooks.find((open) => open.node.contains(node));
}
