/** Notebooks and pools: the cell that connects the one to the other, and the cell that runs a failed task again. */

import type { ICodeCellModel } from "@jupyterlab/cells";
import { NotebookActions } from "@jupyterlab/notebook";
import type { INotebookTracker, NotebookPanel } from "@jupyterlab/notebook";
import type { PartialJSONObject } from "@lumino/coreutils";

const VIEW_MIME = "application/vnd.jupyter.widget-view+json";

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

/** Put an output in the place of those that are the view of a widget. */
export function replaceView({ content }: NotebookPanel, id: string, data: PartialJSONObject): void {
  for (const cell of content.model?.cells ?? []) {
    if (cell.type !== "code") continue;
    const { outputs } = cell as ICodeCellModel;
    for (let at = 0; at < outputs.length; at++) {
      const output = outputs.get(at);
      const view = output.data[VIEW_MIME] as { model_id?: string } | undefined;
      if (view?.model_id === id) outputs.set(at, { ...output.toJSON(), data });
    }
  }
}

/**
 * The notebook that the user means; null if none is open.
 *
 * @param path of the notebook that a pool belongs to; it is taken if it is open.
 */
export function meant(tracker: INotebookTracker | null, path?: string | null): NotebookPanel | null {
  return tracker?.find((open) => open.context.path === path) ?? tracker?.currentWidget ?? null;
}
