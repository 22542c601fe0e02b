/** A pool in a tab of the main area: the whole panel, or only its tree or its timeline. */

import { Widget } from "@lumino/widgets";
import type { IDisposable } from "@lumino/disposable";

import { createPanel } from "../drawing";
import type { Panel, PanelOptions } from "../drawing";
import { make, setText } from "../drawing/dom";
import { scoopIcon } from "./icon";
import type { IPools } from "./tokens";

/** What of a pool a tab shows. */
export type Kind = "panel" | "tree" | "timeline";

const TITLES: Readonly<Record<Kind, string>> = { panel: "Panel", tree: "Tasks", timeline: "Timeline" };

export class PoolTab extends Widget {
  private readonly _panel: Panel;
  private readonly _note = make("p", "scoop-tab-note", { role: "status" });
  private readonly _watch: IDisposable;

  constructor(pools: IPools, readonly pool: string, readonly kind: Kind, options: PanelOptions) {
    super();
    this.id = `scoop-${kind}-${pool}`;
    this.addClass("scoop-tab");
    this.title.label = `${TITLES[kind]}: ${pool}`;
    this.title.icon = scoopIcon;
    this.title.closable = true;
    this.node.dataset.kind = kind;
    this._panel = createPanel(this.node, options);
    this.node.prepend(this._note);
    this._tell("Waiting for the pool…");
    this._watch = pools.watch(pool, {
      show: (snapshot) => {
        this._tell("");
        this._panel.show(snapshot);
      },
      gone: () => this._tell("This pool has ended. Should one of its name start, it will be shown here."),
    });
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this._watch.dispose();
    this._panel.dispose();
    super.dispose();
  }

  private _tell(text: string): void {
    this._note.hidden = !text;
    setText(this._note, text);
  }
}
