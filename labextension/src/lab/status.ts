/** The item in the status bar: how many of all workers are busy. */

import { Widget } from "@lumino/widgets";

import { number, plural } from "../drawing";
import { makeButton, setAttribute, setText } from "../drawing/dom";
import type { IPools, PoolRow } from "./tokens";

/** What the item says. */
export function sums(rows: readonly PoolRow[]): string {
  const workers = rows.reduce((sum, row) => sum + row.workers, 0);
  const busy = rows.reduce((sum, row) => sum + row.busy * row.workers, 0);
  return `SCOOP ${number(Math.round(busy))}/${number(workers)}`;
}

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
