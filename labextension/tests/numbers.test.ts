import { about, duration, number, percent, plural, ratio, size } from "../src/drawing";

test.each([
  [0, "0 s"], [0.000412, "412 µs"], [0.0009996, "1.0 ms"], [0.0873, "87 ms"], [0.9996, "1.0 s"],
  [9.96, "10 s"], [59.6, "1 min 00 s"], [3599.7, "1 h 00 min"], [300_000, "3 d 11 h"],
])("a duration of %d s", (seconds, words) => {
  expect(duration(seconds)).toBe(words);
});

test("estimates are coarse", () => {
  expect([-1, 3.2, 61, 100, 9_000].map(about)).toEqual(["1 s", "4 s", "65 s", "2 min", "2 h 30 min"]);
});

test("counts, sizes and shares", () => {
  expect([number(1e6), plural(1, "task"), plural(1000, "task")]).toEqual(["1,000,000", "1 task", "1,000 tasks"]);
  expect([0, 999, 1000, 102 << 20].map(size)).toEqual(["0 B", "999 B", "1.0 KiB", "102 MiB"]);
  expect([0.999_999, 1, NaN, 2].map(percent)).toEqual(["99 %", "100 %", "0 %", "100 %"]);
  expect([1.94, 1234].map(ratio)).toEqual(["1.9", "1,234"]);
});
