/** Notebooks and pools: the cell that connects the one to the other, and the cell that runs a failed task again. */

import { NotebookActions } from "@jupyterlab/notebook";
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";

/**
 * The code of a cell that connects a notebook to a pool.
 *
 * @param loaded whether the kernel has the magics already.
 */
export function connecting(pool: string, loaded: boolean): string {
  return `${loaded ? "" : "%load_ext scoop\n"}%scoop connect ${pool}`;
}

/** Whether a notebook's kernel comes with the magics. */
export function hasMagics(panel: NotebookPanel): boolean {
  return panel.sessionContext.session?.kernel?.name === "scoop";
}

/** Put a cell below the current one of a notebook, and run it. */
export async function runBelow(panel: NotebookPanel, source: string): Promise<boolean> {
  const { content, sessionContext } = panel;
  NotebookActions.insertBelow(content);
  content.activeCell?.model.sharedModel.setSource(source);
  return NotebookActions.run(content, sessionContext);
}

/**
 * The notebook that the user means; null if none is open.
 *
 * @param path of the notebook that a pool belongs to; it is taken if it is open.
 */
export function meant(tracker: INotebookTracker | null, path?: string | null): NotebookPanel | null {
  return tracker?.find((open) => open.context.path === path) ?? tracker?.currentWidget ?? null;
}
