/** Colours of functions: told apart also by those who are colour-blind (Okabe and Ito), on light and on dark. */

import type { Timeline } from "./snapshot";

const COLOURS = ["#2f86d1", "#e69f00", "#009e73", "#cc79a7", "#8c6bb1", "#56b4e9", "#b3a021"];
const OTHERS = "#8a8a8a";

export const FAILED = "#d9541e";

export interface FunctionShare {
  name: string;
  colour: string;
  seconds: number;
  tasks: number;
  failed: number;
}

/** What each function has taken of a timeline, by its index there; those that took most have colours of their own. */
export function shares(timeline: Timeline): FunctionShare[] {
  const found = timeline.functions.map((name) => ({ name, colour: OTHERS, seconds: 0, tasks: 0, failed: 0 }));
  for (const { spans } of timeline.lanes) {
    for (const [fn, began, ended, tasks, failed] of spans) {
      const share = found[fn];
      if (!share) continue;
      share.seconds += ended - began;
      share.tasks += tasks;
      share.failed += failed;
    }
  }
  const most = found.toSorted((a, b) => b.seconds - a.seconds).slice(0, COLOURS.length);
  // In the order of the data, so that a function keeps its colour while others overtake it.
  found.filter((share) => most.includes(share)).forEach((share, i) => (share.colour = COLOURS[i] ?? OTHERS));
  return found;
}
