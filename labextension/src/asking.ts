/**
 * How what a panel asks for finds somebody who does it, wherever on the page the panel is.
 *
 * A widget reaches only its kernel, and many kernels hear nothing while a cell runs. So the panel first asks the
 * page, by an event that bubbles up from it. JupyterLab's side of the extension listens, reaches the pool by way of
 * the server, and says that it does what was asked by `preventDefault`.
 */

import type { Action, Timeline } from "./drawing";

export const ACTION_EVENT = "scoop-action";
export const REPLAY_EVENT = "scoop-replay";

/** The detail of `ACTION_EVENT`. */
export interface ActionRequest {
  /** Name of the pool. */
  pool: string;
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

/** Ask the page for something; returns whether somebody does it. */
export function ask(from: Element, name: typeof ACTION_EVENT, detail: ActionRequest): boolean;
export function ask(from: Element, name: typeof REPLAY_EVENT, detail: ReplayRequest): boolean;
export function ask(from: Element, name: string, detail: ActionRequest | ReplayRequest): boolean {
  return !from.dispatchEvent(new CustomEvent(name, { bubbles: true, cancelable: true, composed: true, detail }));
}
