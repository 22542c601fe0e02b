/** A pool in a tab of the main area: the whole panel, or only its tree or its timeline. */

import { Widget } from "@lumino/widgets";
import type { IDisposable } from "@lumino/disposable";

import { createPanel, createTimeline, createTree } from "../drawing";
import type { Action, Replay, Snapshot } from "../drawing";
import { make, setText } from "../drawing/dom";
import { act } from "./acting";
import { scoopIcon } from "./icon";
import type { IPools } from "./tokens";

/** What of a pool a tab shows. */
export type Kind = "panel" | "tree" | "timeline";

const TITLES: Readonly<Record<Kind, string>> = { panel: "Panel", tree: "Tasks", timeline: "Timeline" };
const TIMELINE_EVERY = 2000; // milliseconds, while it is in sight

/** What is drawn in a tab. */
interface Picture {
  show(snapshot: Snapshot): void;
  dispose(): void;
}

export class PoolTab extends Widget {
  private readonly _picture: Picture;
  private readonly _note = make("p", "scoop-tab-note", { role: "status" });
  private readonly _watch: IDisposable;

  constructor(
    private readonly _pools: IPools,
    readonly pool: string,
    readonly kind: Kind,
    private readonly _replay: Replay,
  ) {
    super();
    this.id = `scoop-${kind}-${pool}`;
    this.addClass("scoop-tab");
    this.node.dataset.kind = kind;
    this.title.label = `${TITLES[kind]}: ${pool}`;
    this.title.icon = scoopIcon;
    this.title.closable = true;
    this.node.append(this._note);
    const draw = { panel: () => this._panel(), tree: () => this._tree(), timeline: () => this._timeline() };
    this._picture = draw[kind]();
    this._tell("Waiting for the pool…");
    this._watch = _pools.watch(pool, {
      show: (snapshot) => {
        this._tell("");
        this._picture.show(snapshot);
      },
      gone: () => this._tell("This pool has ended. Should one of its name start, it will be shown here."),
    });
  }

  override dispose(): void {
    if (this.isDisposed) return;
    this._watch.dispose();
    this._picture.dispose();
    super.dispose();
  }

  private _panel(): Picture {
    const send = (action: Action): undefined => {
      act(this._pools, this.pool, action, panel.showTimeline);
    };
    const panel = createPanel(this.node, { send, replay: this._replay });
    return panel;
  }

  private _tree(): Picture {
    const tree = createTree({ replay: this._replay });
    this.node.append(make("div", "scoop-panel scoop-alone", {}, [tree.node]));
    return { show: ({ groups }) => tree.update(groups), dispose: () => tree.dispose() };
  }

  private _timeline(): Picture {
    const timeline = createTimeline();
    this.node.append(make("div", "scoop-panel scoop-alone", {}, [timeline.node]));
    let settled = false; // what is drawn is that of the end
    let over = false;
    const ask = (): void => {
      if (settled || !this.isVisible) return;
      settled = over;
      act(this._pools, this.pool, { action: "timeline" }, (found) => timeline.update(found));
    };
    const clock = setInterval(ask, TIMELINE_EVERY);
    return {
      show: ({ ended }) => {
        over = ended !== null;
        if (!over) settled = false;
      },
      dispose() {
        clearInterval(clock);
        timeline.dispose();
      },
    };
  }

  private _tell(text: string): void {
    this._note.hidden = !text;
    setText(this._note, text);
  }
}
