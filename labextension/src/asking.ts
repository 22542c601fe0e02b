/**
 * How what a panel asks for finds somebody who does it, wherever on the page the panel is.
 *
 * A widget reaches only its kernel, and many kernels hear nothing while a cell runs. So the panel first asks the
 * page, by an event that bubbles up from it. JupyterLab's side of the extension listens, reaches the pool by way of
 * the server, and says that it does what was asked by `preventDefault`.
 */

import type { PartialJSONObject } from "@lumino/coreutils";

import type { Action, Timeline } from "./drawing";

export const ACTION_EVENT = "scoop-action";
export const REPLAY_EVENT = "scoop-replay";
export const END_EVENT = "scoop-end";

/** The detail of `ACTION_EVENT`. */
export interface ActionRequest {
  /** Name of the pool, and its id. */
  pool: string;
  id: string;
  /** Number of the run; -1 for all of the pool. */
  run: number;
  action: Action;
  /** Takes the answer to `{ action: "timeline" }`. */
  showTimeline: (timeline: Timeline) => void;
}

/** The detail of `REPLAY_EVENT`: the line to run in the notebook that the panel is in. */
export interface ReplayRequest {
  line: string;
}

/** The detail of `END_EVENT`: what a notebook keeps in place of a panel that is over. */
export interface EndRequest {
  /** Of the panel's widget. */
  model_id: string;
  /** By media type. */
  data: PartialJSONObject;
}

/** Ask the page for something; returns whether somebody does it. */
export function ask(from: EventTarget, name: typeof ACTION_EVENT, detail: ActionRequest): boolean;
export function ask(from: EventTarget, name: typeof REPLAY_EVENT, detail: ReplayRequest): boolean;
export function ask(from: EventTarget, name: typeof END_EVENT, detail: EndRequest): boolean;
export function ask(from: EventTarget, name: string, detail: ActionRequest | ReplayRequest | EndRequest): boolean {
  return !from.dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable: true, composed: true, detail }));
}
