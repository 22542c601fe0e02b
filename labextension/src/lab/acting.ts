/** How what a panel asks for is done: by the server, so that no kernel is needed. */

import type { Action, Timeline } from "../drawing";
import { complain } from "./dialogs";
import type { IPools } from "./tokens";

/**
 * Do it, and tell the user what the server refuses.
 *
 * @param showTimeline takes the answer to `{ action: "timeline" }`.
 */
export function act(pools: IPools, pool: string, action: Action, showTimeline: (timeline: Timeline) => void): void {
  if (action.action === "timeline") {
    pools.timeline(pool).then(showTimeline, () => undefined); // the pool may just have ended; a panel asks again
    return;
  }
  const done = action.action === "cancel-task" ? pools.cancelTask(pool, action.worker)
    : action.action === "restart-worker" ? pools.restartWorker(pool, action.worker)
      : pools.cancel(pool);
  done.catch((error: unknown) => complain("SCOOP", error));
}
