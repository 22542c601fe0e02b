import { Signal } from "@lumino/signaling";

import type { Snapshot } from "../src/drawing";
import { createItem } from "../src/lab/item";
import { Pools } from "../src/lab/pools";
import type { IServer, News, Wish } from "../src/lab/server";
import type { PoolRow } from "../src/lab/tokens";
import { belongs, counts, says, sums } from "../src/lab/words";

function row(name: string, facts: Partial<PoolRow> = {}): PoolRow {
  return {
    name, id: `id of ${name}`, pid: 7, started: 0, workers: 2, wanted: 2, missing: null, stillborn: 0, busy: 0.5,
    memory: 2 ** 20,
    tasks: { queued: 0, running: 0, done: 0, failed: 0, cancelled: 0 },
    notebook: null, program: "python program.py", kept: false, ...facts,
  };
}

/** A server that says what the test says. */
class Stage implements IServer {
  readonly said: Wish[] = [];
  readonly asked: string[] = [];
  readonly stream = {
    news: new Signal<unknown, News>(this),
    opened: new Signal<unknown, boolean>(this),
    open: () => undefined,
    say: (wish: Wish) => void this.said.push(wish),
    close: () => undefined,
  };

  ask(method: string, path: string): Promise<unknown> {
    this.asked.push(`${method} ${path}`);
    return Promise.resolve({ name: "new" });
  }

  tell(...rows: PoolRow[]): void {
    this.stream.news.emit({ type: "pools", pools: rows });
  }
}

let stage: Stage;
let pools: Pools;

beforeEach(() => {
  jest.useFakeTimers();
  stage = new Stage();
  pools = new Pools(stage);
  stage.stream.opened.emit(true);
});

afterEach(() => {
  pools.dispose();
  jest.useRealTimers();
});

describe("the list", () => {
  test("is what the server said last, and empty without it", () => {
    stage.tell(row("a"), row("b"));
    expect(pools.rows.map((each) => each.name)).toEqual(["a", "b"]);
    stage.stream.opened.emit(false);
    expect([pools.rows.length, pools.connected]).toEqual([0, false]);
  });

  test("remembers a minute of load, and goes on while the server is silent", () => {
    stage.tell(row("a", { busy: 0.25 }));
    jest.advanceTimersByTime(2000);
    expect(pools.load("a")).toEqual([0.25, 0.25, 0.25]);
    stage.tell(row("a", { busy: 1 }));
    jest.advanceTimersByTime(100_000);
    expect(pools.load("a")).toEqual(Array(60).fill(1));
    stage.tell();
    expect(pools.load("a")).toEqual([]);
    const changes = jest.fn();
    pools.changed.connect(changes);
    jest.advanceTimersByTime(5000);
    expect(changes).not.toHaveBeenCalled();
  });
});

describe("a viewer", () => {
  const viewer = () => ({ show: jest.fn(), gone: jest.fn() });
  const snapshot = { time: 1 } as Snapshot;

  test("sees its pool from when that comes until it goes, and again when one of that name comes", () => {
    const one = viewer();
    pools.watch("a", one);
    expect(stage.said).toEqual([]);
    stage.tell(row("a"));
    stage.tell(row("a", { busy: 1 }));
    expect(stage.said).toEqual([{ type: "watch", pool: "a" }]);
    stage.stream.news.emit({ type: "snapshot", pool: "a", snapshot });
    stage.stream.news.emit({ type: "snapshot", pool: "b", snapshot });
    expect(one.show.mock.calls).toEqual([[snapshot]]);
    stage.stream.news.emit({ type: "gone", pool: "a" });
    expect(one.gone).toHaveBeenCalledTimes(1);
    stage.tell();
    stage.tell(row("a"));
    expect(stage.said).toHaveLength(2);
  });

  test("is served again after the connection was lost", () => {
    pools.watch("a", viewer());
    stage.tell(row("a"));
    stage.stream.opened.emit(false);
    stage.stream.opened.emit(true);
    stage.tell(row("a"));
    expect(stage.said).toHaveLength(2);
  });

  test("of several, the last one ends it", () => {
    stage.tell(row("a"));
    const one = pools.watch("a", viewer());
    const two = pools.watch("a", viewer());
    one.dispose();
    expect(stage.said).toEqual([{ type: "watch", pool: "a" }]);
    two.dispose();
    expect(stage.said.at(-1)).toEqual({ type: "unwatch", pool: "a" });
  });
});

test("what is done to pools is asked of the server", async () => {
  const order = { n: 2, name: null, launcher: "local", profile: "", kernel: "scoop", folder: "" };
  expect(await pools.start(order)).toBe("new");
  await pools.scale("a", 3);
  await pools.stop("a");
  await pools.cancel("a");
  await pools.restart("a");
  await pools.cancelTask("a", "w1");
  await pools.restartWorker("a", "w1");
  await pools.timeline("a");
  expect(stage.asked).toEqual([
    "POST pools", "PATCH pools/a", "DELETE pools/a", "POST pools/a/cancel", "POST pools/a/restart",
    "POST pools/a/workers/w1/cancel-task", "POST pools/a/workers/w1/restart-worker", "GET pools/a/timeline",
  ]);
});

describe("words", () => {
  test("how a pool fares", () => {
    expect(says(row("a", { busy: 0.5 }))).toBe("2 workers, 50 % busy");
    expect(says(row("a", { workers: 1 }))).toBe("1 of 2 workers");
    expect(says(row("a", { workers: 0, stillborn: 9 }))).toBe("its workers die while they start");
  });

  test("who it belongs to", () => {
    expect(belongs(row("a", { notebook: "x.ipynb", kept: true }))).toBe("x.ipynb");
    expect(belongs(row("a", { kept: true }))).toBe("started here");
    expect(belongs(row("a"))).toBe("python program.py");
    expect(belongs(row("a", { program: "" }))).toBe("process 7");
  });

  test("how far its tasks are", () => {
    expect(counts(row("a"))).toBe("no tasks yet");
    const tasks = { queued: 1200, running: 2, done: 5, failed: 1, cancelled: 0 };
    expect(counts(row("a", { tasks }))).toBe("1,202 tasks to do · 5 done · 1 failed");
  });

  test("of all together", () => {
    expect(sums([row("a", { workers: 4, busy: 0.5 }), row("b", { workers: 2, busy: 1 })])).toBe("SCOOP 4/6");
  });
});

test("an item says which hosts are missing", () => {
  const item = createItem("a", jest.fn(), jest.fn());
  item.update(row("a", { missing: { says: "0 of 1 other host is there", troubles: ["b: refused"] } }), []);
  expect(item.node.textContent).toContain("0 of 1 other host is there");
  expect(item.node.querySelector("[title$='b: refused']")).not.toBeNull();
  item.update(row("a"), []);
  expect(item.node.textContent).not.toContain("other host");
});

test("an item tells what the user wants, and shows text as text", () => {
  const ask = jest.fn();
  const item = createItem("<b>", ask, jest.fn());
  item.update(row("<b>", { notebook: "<i>.ipynb" }), [0, 1]);
  expect(item.node.querySelector("b, i")).toBeNull();
  [...item.node.querySelectorAll("button")].find((button) => button.textContent === "Stop")?.click();
  expect(ask.mock.calls).toEqual([["stop"]]);
});
