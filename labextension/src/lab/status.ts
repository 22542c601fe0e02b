/** The item in the status bar: how many of all workers are busy. */

import { Widget } from "@lumino/widgets";

import { plural } from "../drawing";
import { makeButton, setAttribute, setText } from "../drawing/dom";
import type { IPools } from "./tokens";
import { sums } from "./words";

export class StatusItem extends Widget {
  private readonly _button: HTMLButtonElement;

  constructor(private readonly _pools: IPools, show: () => void) {
    super();
    this.addClass("scoop-status");
    this._button = makeButton("scoop-status-button", "", show);
    this.node.append(this._button);
    this._pools.changed.connect(() => this._update());
    this._update();
  }

  private _update(): void {
    const { rows } = this._pools;
    setText(this._button, sums(rows));
    setAttribute(this._button, "title", `${plural(rows.length, "pool")}; workers that are busy, and all`);
  }
}
