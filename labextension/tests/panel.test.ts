import { createLoads, createPanel } from "../src/drawing";
import type { Action } from "../src/drawing";
import { group, snapshot, worker } from "./samples";

const page = document.body;
const counts = { queued: 1, running: 1, done: 2, failed: 1, cancelled: 0 };
const failure = { id: "7", error: "ValueError: <b>", arguments: "(1,)", output: "", worker: "w0" };
const run = snapshot({
  tasks: counts,
  workers: [worker("w0", { state: "busy", task: "fit", since: 95, busy: 0.9, prints: 4 })],
  groups: [group(1, null, "fit", { ...counts, failures: [failure], workers: 1 })],
});

afterEach(() => page.replaceChildren());

test("what a panel without anybody to ask shows has no buttons that ask", () => {
  const panel = createPanel(page);
  panel.show(run);
  expect(page.querySelector(".scoop-worker")?.textContent).toContain("fit");
  expect(page.querySelector(".scoop-act")).toBeNull();
  expect(page.querySelector<HTMLElement>(".scoop-stop")?.hidden).toBe(true);
  expect(page.querySelector<HTMLElement>("[role=tablist]")?.hidden).toBe(true);
  panel.dispose();
  expect(page.childElementCount).toBe(0);
});

test("buttons ask once", () => {
  const sent: Action[] = [];
  const panel = createPanel(page, { send: (action) => void sent.push(action) });
  panel.show(run);
  const [cancel, restart] = page.querySelectorAll<HTMLElement>(".scoop-act");
  cancel?.click();
  cancel?.click();
  restart?.click();
  expect(sent).toEqual([{ action: "cancel-task", worker: "w0" }, { action: "restart-worker", worker: "w0" }]);
  panel.dispose();
});

test("a failure is told as text, and can be replayed", () => {
  const replayed: string[] = [];
  const panel = createPanel(page, { replay: (id) => replayed.push(id) > 0 });
  panel.show(run);
  page.querySelector<HTMLElement>(".scoop-failures")?.click();
  expect(page.querySelector(".scoop-traceback")?.textContent).toBe("ValueError: <b>");
  [...page.querySelectorAll("button")].find((button) => button.textContent === "Replay here")?.click();
  expect(replayed).toEqual(["7"]);
  panel.dispose();
});

test("an older engine, which lacks the newer fields, is shown too", () => {
  const panel = createPanel(page);
  const old = { ...group(1, null, "fit"), failed: 1, failures: undefined, errors: ["gone"] };
  panel.show({ ...run, groups: [old as never] });
  page.querySelector<HTMLElement>(".scoop-failures")?.click();
  expect(page.querySelector(".scoop-traceback")?.textContent).toBe("gone");
  panel.dispose();
});

test("the hint stands below the head, folded or not", () => {
  const panel = createPanel(page);
  panel.show({ ...run, ended: 100, tasks: { ...counts, queued: 0, running: 0, failed: 0 }, hint: "Split it." });
  expect(page.querySelector<HTMLElement>(".scoop-body")?.hidden).toBe(true);
  expect(page.querySelector(".scoop-hint")?.textContent).toBe("Split it.");
  panel.dispose();
});

test("who is missing stands below the head, as text, until nobody is", () => {
  for (const missing of [null, { says: "1 of 2 other hosts is there", troubles: ["b: <i>refused"] }]) {
    const panel = createPanel(page);
    panel.show({ ...run, missing });
    const shown = page.querySelector<HTMLElement>(".scoop-missing");
    expect([shown?.hidden, shown?.textContent]).toEqual(
      missing ? [false, "1 of 2 other hosts is thereb: <i>refused"] : [true, ""],
    );
    panel.dispose();
  }
});

test("workers on several hosts are counted with these", () => {
  const panel = createPanel(page);
  panel.show({ ...run, workers: [worker("w0"), worker("w1", { host: "there" })] });
  expect(page.querySelector(".scoop-says")?.textContent).toBe("p · 2 workers on 2 hosts");
  panel.dispose();
});

test("loads of very many workers are put together", () => {
  const loads = createLoads();
  loads.update(Array.from({ length: 500 }, (_, i) => worker(`w${i}`, { state: "busy", busy: i % 2 })));
  expect(loads.node.childElementCount).toBe(63);
  expect(loads.node.getAttribute("aria-label")).toBe("500 workers, load 50 %");
  loads.update([]);
  expect(loads.node.childElementCount).toBe(0);
});
