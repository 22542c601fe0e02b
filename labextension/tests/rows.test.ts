import { filtered, unfolded, walk } from "../src/drawing/rows";
import { group } from "./samples";

const names = (rows: { group: { name: string } }[]): string[] => rows.map((row) => row.group.name);

const groups = [
  group(1, null, "explore"), group(2, 1, "load"), group(3, 1, "fit", { failed: 2 }), group(4, 3, "Gradient"),
  group(5, 3, "search", { failed: 1 }), group(6, null, "warm_up"), group(7, 99, "stray"),
];

test("children come after their parents, strays at the root", () => {
  const rows = walk(groups);
  expect(names(rows)).toEqual(["explore", "load", "fit", "Gradient", "search", "warm_up", "stray"]);
  expect(rows.map((row) => row.depth)).toEqual([0, 1, 1, 2, 2, 0, 0]);
  expect(rows.map((row) => [row.below, row.failedBelow])[0]).toEqual([4, 3]);
  expect(rows.map((row) => `${row.position}/${row.siblings}`).slice(0, 4)).toEqual(["1/3", "1/2", "2/2", "1/2"]);
});

test("what is under a folded row is left out", () => {
  expect(names(unfolded(walk(groups), (row) => row.group.name !== "fit"))).toEqual(
    ["explore", "load", "fit", "warm_up", "stray"],
  );
});

test("a search keeps the way to what it found", () => {
  const search = (text: string): string[] => names(filtered(walk(groups), { text, failures: false }));
  expect(search("gradient")).toEqual(["explore", "fit", "Gradient"]);
  expect(search("nothing")).toEqual([]);
});

test("only failures", () => {
  expect(names(filtered(walk(groups), { text: "", failures: true }))).toEqual(["explore", "fit", "search"]);
});

test("a tree of ten thousand levels, and a circle", () => {
  const deep = Array.from({ length: 10_000 }, (_, id) => group(id, id ? id - 1 : null, "f"));
  expect(walk(deep).at(-1)?.depth).toBe(9_999);
  expect(walk([group(1, 2, "f"), group(2, 1, "g")])).toEqual([]);
});
