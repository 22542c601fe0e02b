/** What JupyterLab is told of: the pools, the commands with their tabs, the sidebar, the item in the status bar. */

import { ILabShell, ILayoutRestorer } from "@jupyterlab/application";
import type { JupyterFrontEnd, JupyterFrontEndPlugin } from "@jupyterlab/application";
import { ICommandPalette, MainAreaWidget, WidgetTracker } from "@jupyterlab/apputils";
import { INotebookTracker } from "@jupyterlab/notebook";
import { ISettingRegistry } from "@jupyterlab/settingregistry";
import { IStatusBar } from "@jupyterlab/statusbar";

import { addCommands, CATEGORY, OF_A_POOL } from "./commands";
import { complain } from "./dialogs";
import { meant, runBelow } from "./notebooks";
import { Pools } from "./pools";
import { Server } from "./server";
import { Settings } from "./settings";
import { Sidebar } from "./sidebar";
import { StatusItem } from "./status";
import { PoolTab } from "./tab";
import type { Kind } from "./tab";
import { IPools } from "./tokens";

export const pools: JupyterFrontEndPlugin<IPools> = {
  id: "scoop-jupyter:pools",
  description: "The user's pools of workers.",
  autoStart: true,
  provides: IPools,
  activate: (app: JupyterFrontEnd) => new Pools(new Server(app.serviceManager.serverSettings)),
};

export const commands: JupyterFrontEndPlugin<void> = {
  id: "scoop-jupyter:commands",
  description: "What can be done with pools, and the tabs that show them.",
  autoStart: true,
  requires: [IPools],
  optional: [INotebookTracker, ICommandPalette, ILabShell, ILayoutRestorer, ISettingRegistry],
  activate: (
    app: JupyterFrontEnd,
    pools: IPools,
    notebooks: INotebookTracker | null,
    palette: ICommandPalette | null,
    lab: ILabShell | null,
    restorer: ILayoutRestorer | null,
    registry: ISettingRegistry | null,
  ) => {
    const settings = new Settings(registry, commands.id);
    const tabs = new WidgetTracker<MainAreaWidget<PoolTab>>({ namespace: "scoop" });

    function open(pool: string, kind: Kind): void {
      const id = `scoop-tab-${kind}-${pool}`;
      let tab = tabs.find((widget) => widget.id === id);
      if (!tab) {
        const content = new PoolTab(pools, pool, kind, replay);
        tab = new MainAreaWidget({ content });
        tab.id = id;
        void tabs.add(tab);
        // Notebook 7 shows one document a page, and has room for more at its side only.
        const beside = tabs.find((other) => other !== tab && other.isAttached);
        app.shell.add(tab, lab ? "main" : "right", beside ? { ref: beside.id } : { mode: "split-right" });
      }
      app.shell.activateById(id);

      function replay(id: string): boolean {
        const path = pools.rows.find((row) => row.name === pool)?.notebook ?? null;
        const notebook = meant(notebooks, path);
        if (notebook) runBelow(notebook, `%scoop debug ${id}`).catch((error: unknown) => complain("Replay", error));
        return notebook !== null;
      }
    }

    addCommands({ app, pools, notebooks, defaults: () => settings.defaults, open });
    for (const command of ["scoop:start", ...OF_A_POOL]) palette?.addItem({ command, category: CATEGORY });
    // Tabs come back with the page, whether their pool is still there or not.
    app.commands.addCommand("scoop:open-tab", {
      label: "Open Tab of a Pool",
      isVisible: () => false,
      execute: ({ pool, kind }) => open(pool as string, kind as Kind),
    });
    void restorer?.restore(tabs, {
      command: "scoop:open-tab",
      args: ({ content }) => ({ pool: content.pool, kind: content.kind }),
      name: ({ content }) => `${content.kind}:${content.pool}`,
    });
  },
};

export const sidebar: JupyterFrontEndPlugin<void> = {
  id: "scoop-jupyter:sidebar",
  description: "All pools, with their load, and a button for a new one.",
  autoStart: true,
  requires: [IPools],
  optional: [ILayoutRestorer, ICommandPalette],
  activate: (
    app: JupyterFrontEnd, pools: IPools, restorer: ILayoutRestorer | null, palette: ICommandPalette | null,
  ) => {
    const sidebar = new Sidebar(pools, app.commands);
    app.shell.add(sidebar, "left", { rank: 350 });
    restorer?.add(sidebar, sidebar.id);
    app.commands.addCommand("scoop:show", {
      label: "Show Pools",
      execute: () => app.shell.activateById(sidebar.id),
    });
    palette?.addItem({ command: "scoop:show", category: CATEGORY });
  },
};

export const status: JupyterFrontEndPlugin<void> = {
  id: "scoop-jupyter:status",
  description: "How many workers are busy, in the status bar.",
  autoStart: true,
  requires: [IPools],
  optional: [IStatusBar],
  activate: (app: JupyterFrontEnd, pools: IPools, bar: IStatusBar | null) => {
    bar?.registerStatusItem(status.id, {
      item: new StatusItem(pools, () => void app.commands.execute("scoop:show")),
      align: "left",
      rank: 5,
      isActive: () => pools.rows.length > 0,
      activeStateChanged: pools.changed,
    });
  },
};
