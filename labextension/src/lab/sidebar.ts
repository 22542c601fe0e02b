/** The sidebar: all pools of the user, wherever they were started, and a button for a new one. */

import type { CommandRegistry } from "@lumino/commands";
import { MimeData } from "@lumino/coreutils";
import { Drag } from "@lumino/dragdrop";
import type { Message } from "@lumino/messaging";
import { Menu, Widget } from "@lumino/widgets";

import { arrange, createParts, make, makeButton, setText } from "../drawing/dom";
import { OF_A_POOL } from "./commands";
import { scoopIcon } from "./icon";
import { createItem } from "./item";
import type { Item } from "./item";
import { connecting } from "./notebooks";
import type { IPools } from "./tokens";

const CELLS = "application/vnd.jupyter.cells"; // what notebooks take when it is dropped into them
const FAR = 5; // pixels that the pointer moves before it is a drag

export class Sidebar extends Widget {
  private readonly _list = make("ul", "scoop-pools");
  private readonly _empty = make("p", "scoop-empty");
  private readonly _items = createParts<string, Item>((name) =>
    createItem(
      name,
      (wish) => void this._commands.execute(`scoop:${wish}`, { pool: name }),
      (x, y) => this._openMenu(name, x, y),
    ),
  );

  private _pressed: { pool: string; x: number; y: number } | null = null;
  private _drag: Drag | null = null;

  constructor(private readonly _pools: IPools, private readonly _commands: CommandRegistry) {
    super();
    this.id = "scoop-sidebar";
    this.addClass("scoop-sidebar");
    this.title.icon = scoopIcon;
    this.title.caption = "SCOOP: pools of workers";
    this.node.setAttribute("role", "region");
    this.node.setAttribute("aria-label", "SCOOP pools");
    const start = makeButton("scoop-start", "New pool", () => void this._commands.execute("scoop:start"));
    this.node.append(
      make("header", "scoop-sidebar-head", {}, [make("h2", "", {}, ["SCOOP"]), start]), this._list, this._empty,
    );
    this._pools.changed.connect(() => this._update());
    this._update();
  }

  protected override onAfterAttach(message: Message): void {
    super.onAfterAttach(message);
    for (const kind of ["pointerdown", "pointermove", "pointerup"] as const) {
      this._list.addEventListener(kind, this);
    }
  }

  protected override onBeforeDetach(message: Message): void {
    for (const kind of ["pointerdown", "pointermove", "pointerup"] as const) {
      this._list.removeEventListener(kind, this);
    }
    super.onBeforeDetach(message);
  }

  /** Follow the pointer: a pool can be dragged into a notebook. */
  handleEvent(event: PointerEvent): void {
    if (event.type === "pointerdown") {
      const node = (event.target as Element).closest<HTMLElement>(".scoop-pool");
      const pool = (event.target as Element).closest("button") ? undefined : node?.dataset.pool;
      this._pressed = pool !== undefined && event.button === 0 ? { pool, x: event.clientX, y: event.clientY } : null;
    } else if (event.type === "pointerup") {
      this._pressed = null;
    } else if (this._pressed && !this._drag) {
      const { pool, x, y } = this._pressed;
      if (Math.hypot(event.clientX - x, event.clientY - y) > FAR) this._begin(pool, event);
    }
  }

  private _begin(pool: string, { clientX, clientY }: PointerEvent): void {
    this._pressed = null;
    const source = connecting(pool, false);
    const mimeData = new MimeData();
    mimeData.setData(CELLS, [{ cell_type: "code", source, metadata: {}, outputs: [], execution_count: null }]);
    mimeData.setData("text/plain", source);
    const dragImage = make("div", "scoop-drag", {}, [source]);
    this._drag = new Drag({ mimeData, dragImage, supportedActions: "copy", proposedAction: "copy", source: this });
    void this._drag.start(clientX, clientY).then(() => {
      this._drag = null;
    });
  }

  private _openMenu(pool: string, x: number, y: number): void {
    const menu = new Menu({ commands: this._commands });
    for (const command of OF_A_POOL) menu.addItem({ command, args: { pool } });
    // Its end comes before the command that was chosen is carried out.
    menu.aboutToClose.connect(() => void Promise.resolve().then(() => menu.dispose()));
    menu.open(x, y);
  }

  private _update(): void {
    const { rows, connected } = this._pools;
    for (const row of rows) this._items.get(row.name).update(row, this._pools.load(row.name));
    arrange(this._list, rows.map((row) => this._items.get(row.name).node));
    this._items.sweep();
    this._empty.hidden = connected && rows.length > 0;
    setText(
      this._empty,
      connected ? "No pool runs. Start one here, or with %scoop start in a notebook."
        : "The Jupyter server's part of SCOOP does not answer. Is the package installed beside JupyterLab?",
    );
  }
}
