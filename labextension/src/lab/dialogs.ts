/** The dialogs: a new pool, and another number of workers. */

import { Dialog, showDialog, showErrorMessage } from "@jupyterlab/apputils";
import { Widget } from "@lumino/widgets";

import { make } from "../drawing/dom";
import { meantOf, placesOf } from "./places";
import type { Defaults, Place } from "./places";
import type { Choices, Order, PoolRow } from "./tokens";

let numbers = 0; // of fields: a label needs the id of its own

function field(label: string, node: HTMLElement): HTMLElement {
  node.id = `scoop-field-${numbers++}`;
  return make("div", "scoop-field", {}, [make("label", "", { for: node.id }, [label]), node]);
}

function choice(options: Record<string, string>, chosen: string): HTMLSelectElement {
  const nodes = Object.entries(options).map(([value, text]) => make("option", "", { value }, [text]));
  const node = make("select", "jp-mod-styled", {}, nodes);
  node.value = chosen;
  return node;
}

/** The values are their indices. */
function placeChoice(places: readonly Place[], chosen: number): HTMLSelectElement {
  const node = choice(Object.fromEntries(places.map(({ label }, index) => [index, label])), String(chosen));
  const profiles = [...node.options].filter((_, index) => places[index]!.profile);
  if (profiles.length) node.append(make("optgroup", "", { label: "as in the profile" }, profiles));
  node.selectedIndex = chosen;
  return node;
}

function workerCount(value: number | null, most: number | null): HTMLInputElement {
  const facts = { type: "number", min: 0, step: 1, value: value ?? "", placeholder: "as it suits" };
  const node = make("input", "jp-mod-styled", facts);
  if (most !== null) node.max = String(most);
  return node;
}

/** The number in a field; null if there is none. */
function counted(node: HTMLInputElement): number | null {
  return node.value === "" || !node.checkValidity() ? null : Number(node.value);
}

class StartForm extends Widget implements Dialog.IBodyWidget<Order> {
  private readonly _workers: HTMLInputElement;
  private readonly _name = make("input", "jp-mod-styled", {
    type: "text", placeholder: "made up", pattern: "[A-Za-z0-9_\\-][A-Za-z0-9_.\\-]*", maxlength: 100,
  });

  private readonly _places: Place[];
  private readonly _place: HTMLSelectElement;
  private readonly _kernel: HTMLSelectElement;

  constructor(choices: Choices, defaults: Defaults, kernel: string, private readonly _folder: string) {
    super();
    this.addClass("scoop-form");
    this._places = placesOf(choices, defaults);
    this._place = placeChoice(this._places, meantOf(this._places, defaults));
    this._workers = workerCount(this._chosen.workers, choices.most);
    this._place.onchange = () => {
      this._workers.value = String(this._chosen.workers ?? "");
    };
    const [first = ""] = Object.keys(choices.kernels);
    this._kernel = choice(choices.kernels, kernel in choices.kernels ? kernel : first);
    this.node.append(
      field("Where", this._place),
      field("Workers", this._workers),
      field("Name", this._name),
      field("Python of", this._kernel),
      make("p", "scoop-muted", {}, [
        `Its tasks import modules from ${this._folder ? `the folder ${this._folder}` : "the top folder"}. `,
        "It ends with the Jupyter server.",
      ]),
    );
  }

  private get _chosen(): Place {
    return this._places[Number(this._place.value)]!;
  }

  getValue(): Order {
    const { launcher, profile } = this._chosen;
    return {
      n: counted(this._workers),
      name: this._name.value.trim() || null,
      launcher,
      profile,
      kernel: this._kernel.value,
      folder: this._folder,
    };
  }
}

class ScaleForm extends Widget implements Dialog.IBodyWidget<number | null> {
  private readonly _workers: HTMLInputElement;

  constructor(row: PoolRow) {
    super();
    this.addClass("scoop-form");
    this._workers = workerCount(row.wanted, null);
    this._workers.required = true;
    this.node.append(
      field("Workers", this._workers),
      make("p", "scoop-muted", {}, ["Workers that go finish what they run, and nothing is lost."]),
    );
  }

  getValue(): number | null {
    return counted(this._workers);
  }
}

async function ask<T>(title: string, body: Dialog.IBodyWidget<T>, accept: string): Promise<T | null> {
  const buttons = [Dialog.cancelButton(), Dialog.okButton({ label: accept })];
  const result = await showDialog({ title, body, buttons, focusNodeSelector: "input" });
  return result.button.accept ? result.value : null;
}

/** What a new pool shall be; null if the user thinks better of it. */
export function askForPool(
  choices: Choices, defaults: Defaults, kernel: string, folder: string,
): Promise<Order | null> {
  return ask("New pool", new StartForm(choices, defaults, kernel, folder), "Start");
}

/** How many workers a pool shall have; null if the user thinks better of it. */
export function askForSize(row: PoolRow): Promise<number | null> {
  return ask(`Workers of ${row.name}`, new ScaleForm(row), "Scale");
}

/** Whether the user means it. */
export async function confirm(title: string, body: string, accept: string): Promise<boolean> {
  const buttons = [Dialog.cancelButton(), Dialog.warnButton({ label: accept })];
  return (await showDialog({ title, body, buttons })).button.accept;
}

/** Tell the user what went wrong. */
export function complain(title: string, error: unknown): Promise<void> {
  return showErrorMessage(title, error instanceof Error ? error.message : String(error));
}
