/** What can be done with pools, as commands: for the sidebar, the palette, menus, and buttons in outputs of cells. */

import type { JupyterFrontEnd } from "@jupyterlab/application";
import { InputDialog } from "@jupyterlab/apputils";
import type { INotebookTracker } from "@jupyterlab/notebook";
import type { ReadonlyPartialJSONObject } from "@lumino/coreutils";

import { askForPool, askForSize, complain, confirm } from "./dialogs";
import type { Defaults } from "./places";
import { connecting, hasMagics, meant, runBelow } from "./notebooks";
import type { Kind } from "./tab";
import type { IPools, PoolRow } from "./tokens";

export const CATEGORY = "SCOOP";

/** The commands that concern one pool, as they stand in menus and in the palette. */
export const OF_A_POOL = [
  "scoop:connect", "scoop:open-panel", "scoop:open-tree", "scoop:open-timeline", "scoop:scale", "scoop:cancel",
  "scoop:restart", "scoop:stop",
] as const;

export interface Parts {
  app: JupyterFrontEnd;
  pools: IPools;
  notebooks: INotebookTracker | null;
  defaults: () => Defaults;
  open: (pool: string, kind: Kind) => void;
}

type Deed = (row: PoolRow) => unknown;

/** Register the commands. An argument `pool` names the pool; without it the user is asked, if there are several. */
export function addCommands({ app, pools, notebooks, defaults, open }: Parts): void {
  const { commands } = app;

  function add(id: string, label: string, caption: string, execute: (pool: string) => unknown): void {
    commands.addCommand(id, {
      label,
      caption,
      describedBy: { args: { type: "object", properties: { pool: { type: "string", description: "Its name." } } } },
      execute: async (args: ReadonlyPartialJSONObject) => {
        try {
          return await execute(typeof args.pool === "string" ? args.pool : "");
        } catch (error) {
          await complain(label.replace("…", ""), error);
          return undefined;
        }
      },
    });
  }

  function addOfPool(id: typeof OF_A_POOL[number], label: string, caption: string, deed: Deed): void {
    add(id, label, caption, async (name) => {
      const row = await choose(pools.rows, name, label);
      return row && deed(row);
    });
  }

  add("scoop:start", "New Pool…", "Start a pool of workers that ends with the Jupyter server", async () => {
    const panel = notebooks?.currentWidget;
    const kernel = panel?.sessionContext.session?.kernel?.name ?? "";
    const folder = panel?.context.path.split("/").slice(0, -1).join("/") ?? "";
    const order = await askForPool(await pools.choices(), defaults(), kernel, folder);
    return order && pools.start(order);
  });

  addOfPool("scoop:connect", "Connect Notebook to Pool", "Have the current notebook use this pool", (row) => {
    const panel = meant(notebooks);
    if (!panel) throw new Error("No notebook is open.");
    return runBelow(panel, connecting(row.name, hasMagics(panel)));
  });
  addOfPool("scoop:open-panel", "Open Panel", "Show a pool's workers and tasks", (row) => open(row.name, "panel"));
  addOfPool("scoop:open-tree", "Open Task Tree", "Show a pool's tasks", (row) => open(row.name, "tree"));
  addOfPool("scoop:open-timeline", "Open Timeline", "Show what a pool's workers did when", (row) =>
    open(row.name, "timeline"));
  addOfPool("scoop:scale", "Scale Pool…", "Change the number of a pool's workers", async (row) => {
    const n = await askForSize(row);
    if (n !== null) await pools.scale(row.name, n);
  });
  addOfPool("scoop:cancel", "Cancel Tasks", "Cancel all that a pool runs; its workers stay", (row) =>
    pools.cancel(row.name));
  addOfPool("scoop:restart", "Restart Workers", "Cancel all of a pool, and replace its workers", async (row) => {
    const body = "All its tasks are cancelled, and its workers are replaced by new ones.";
    if (!isBusy(row) || await confirm(`Restart the workers of ${row.name}?`, body, "Restart")) {
      await pools.restart(row.name);
    }
  });
  addOfPool("scoop:stop", "Stop Pool", "End a pool", async (row) => {
    const body = "It has tasks to do, which will fail.";
    if (!isBusy(row) || await confirm(`Stop ${row.name}?`, body, "Stop")) await pools.stop(row.name);
  });
}

function isBusy({ tasks }: PoolRow): boolean {
  return tasks.queued + tasks.running > 0;
}

/**
 * The pool of this name, or the one that the user chooses; null if he thinks better of it.
 *
 * @throws an error, in words for the user, if there is none.
 */
async function choose(rows: readonly PoolRow[], name: string, title: string): Promise<PoolRow | null> {
  const find = (wanted: string | null): PoolRow | undefined => rows.find((row) => row.name === wanted);
  if (name) {
    const found = find(name);
    if (!found) throw new Error(`The pool ${name} does not run any more.`);
    return found;
  }
  if (!rows.length) throw new Error("No pool runs.");
  if (rows.length === 1) return rows[0]!;
  const { value } = await InputDialog.getItem({ title, label: "Pool", items: rows.map((row) => row.name) });
  return find(value) ?? null;
}
