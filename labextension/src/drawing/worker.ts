/** One worker's row. */

import { createLoad } from "./bars";
import { make, setAttribute, setText } from "./dom";
import { makeIcon } from "./icons";
import { duration, number, percent, size } from "./numbers";
import type { Action, WorkerRow } from "./snapshot";

export const WORKER_COLUMNS = ["Worker", "State", "Load", "CPU", "Memory", "Running", "Done", "Prints"] as const;

export interface WorkerPart {
  node: HTMLElement;
  update(worker: WorkerRow, over: boolean): void;
  tick(now: number): void;
}

export function createWorker(act: ((action: Action) => void) | undefined): WorkerPart {
  let worker: WorkerRow | undefined;
  const name = make("th", "scoop-name", { scope: "row" });
  const state = make("td", "scoop-column-state");
  const load = createLoad("Load");
  const share = make("span", "scoop-share");
  const cpu = make("td", "scoop-column-cpu");
  const memory = make("td", "scoop-column-memory");
  const task = make("span", "scoop-name");
  const time = make("span", "scoop-since scoop-muted");
  const done = make("td", "scoop-column-done");
  const prints = make("td", "scoop-column-prints");
  const node = make("tr", "scoop-worker", {}, [
    name,
    state,
    make("td", "scoop-column-load", {}, [make("div", "scoop-line", {}, [load.node, share])]),
    cpu,
    memory,
    make("td", "scoop-column-running", {}, [make("div", "scoop-doing", {}, [task, time])]),
    done,
    prints,
  ]);

  const cancel = createAct("cross", () => worker && act?.({ action: "cancel-task", worker: worker.name }));
  const restart = createAct("again", () => worker && act?.({ action: "restart-worker", worker: worker.name }));
  if (act) node.append(make("td", "scoop-column-acts", {}, [cancel.node, restart.node]));

  return {
    node,
    update(next, over) {
      if (worker?.task !== next.task || worker.since !== next.since) cancel.asked(false);
      if (worker?.state !== next.state) restart.asked(false);
      worker = next;
      setAttribute(node, "data-state", worker.state);
      setAttribute(node, "title", `Process ${worker.pid} on ${worker.host}`);
      setText(name, worker.name);
      setText(state, worker.state);
      const up = worker.state === "busy" || worker.state === "idle";
      load.update(up ? worker.busy : 0);
      setText(share, up && !over ? percent(worker.busy) : "");
      setText(cpu, !over && worker.cpu_share !== undefined ? percent(worker.cpu_share) : duration(worker.cpu));
      setText(memory, size(worker.memory));
      setText(task, worker.task ?? "");
      setText(done, number(worker.done));
      setText(prints, worker.prints ? number(worker.prints) : "");
      cancel.update(`Cancel the task of ${worker.name}`, !over && worker.task !== null);
      restart.update(`Restart ${worker.name}`, !over && up);
    },
    tick(now) {
      const since = worker?.since ? now - worker.since : 0;
      setText(time, since >= 1 && worker?.task ? duration(since) : "");
    },
  };
}

/** A button that can be pressed once, until what it asks for has come about. */
function createAct(icon: string, onClick: () => void) {
  const node = make("button", "scoop-act", { type: "button" }, [makeIcon(icon)]);
  let possible = false;
  let asked = false;
  const draw = (): void => {
    setAttribute(node, "aria-disabled", asked || !possible);
    setAttribute(node, "data-asked", asked);
  };
  node.addEventListener("click", () => {
    if (asked || !possible) return;
    asked = true;
    draw();
    onClick();
  });
  return {
    node,
    asked(value: boolean) {
      asked = value;
      draw();
    },
    update(label: string, value: boolean) {
      possible = value;
      setAttribute(node, "aria-label", label);
      setAttribute(node, "title", label);
      draw();
    },
  };
}
