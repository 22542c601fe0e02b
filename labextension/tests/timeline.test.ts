import { toSvg, toTrace } from "../src/drawing";
import type { Timeline } from "../src/drawing";
import { shares } from "../src/drawing/palette";
import { layOut, scene, spanAt, timeAt } from "../src/drawing/scene";
import { held, panned, ticks, zoomed } from "../src/drawing/zoom";

const whole = { from: 100, until: 110 };

const timeline: Timeline = {
  began: 100,
  ended: 110,
  functions: ["fit", "a<b"],
  lanes: [
    { worker: "w0", spans: [[0, 100, 104, 1, 0], [1, 106, 107, 12, 3]] },
    { worker: "w1", spans: [[0, 101, 103, 1, 0]] },
  ],
};

describe("zooming", () => {
  test("keeps the moment that it goes around, and stays within the whole", () => {
    const near = zoomed(whole, 0.5, 102, whole);
    expect(near).toEqual({ from: 101, until: 106 });
    expect(zoomed(near, 100, 102, whole)).toEqual(whole);
    expect(zoomed(whole, 0.5, 110, whole)).toEqual({ from: 105, until: 110 });
  });

  test("has an end", () => {
    let range = whole;
    for (let i = 0; i < 100; i++) range = zoomed(range, 0.5, 105, whole);
    expect(range.until - range.from).toBeCloseTo(1e-4, 6);
  });

  test("moving stops at the ends", () => {
    const range = { from: 102, until: 104 };
    expect(panned(range, 0.5, whole)).toEqual({ from: 103, until: 105 });
    expect(panned(range, -9, whole)).toEqual({ from: 100, until: 102 });
    expect(panned(range, 1e9, whole)).toEqual({ from: 108, until: 110 });
    expect(held({ from: 90, until: 130 }, whole)).toEqual(whole);
  });

  test("ticks are round, and not too many", () => {
    expect(ticks(whole, 100, 6)).toEqual([0, 2, 4, 6, 8, 10]);
    expect(ticks({ from: 100, until: 100.01 }, 100, 5)).toHaveLength(6);
    expect(ticks({ from: 0, until: 7200 }, 0, 5)).toEqual([0, 1800, 3600, 5400, 7200]);
  });
});

describe("the picture", () => {
  const layout = layOut(timeline, 1056);
  const ink = { text: "black", track: "grey", line: "silver" };

  test("has a track for each lane and a bar for each span, in proportion", () => {
    const shapes = scene(timeline, whole, layout, ink);
    const bars = shapes.filter((shape) => shape.kind === "rect" && shape.fill === shares(timeline)[0]!.colour);
    expect(bars).toHaveLength(2);
    expect(bars[0]).toMatchObject({ x: 56, y: 0, width: 399.4 });
    expect(shapes.filter((shape) => shape.fill === "grey")).toHaveLength(2);
  });

  test("leaves out what is not in sight", () => {
    const count = (from: number, until: number): number => scene(timeline, { from, until }, layout, ink)
      .filter((shape) => shape.kind === "rect" && !["grey", "silver"].includes(shape.fill)).length;
    expect(count(108, 110)).toBe(0);
    expect(count(105, 110)).toBe(2); // the span, and its failures
  });

  test("says what is under the pointer", () => {
    expect(timeAt(556, whole, layout)).toBe(105);
    expect(spanAt(timeline, whole, layout, 720, 3)).toMatchObject({ worker: "w0", name: "a<b" });
    expect(spanAt(timeline, whole, layout, 556, 3)).toBeUndefined();
    expect(spanAt(timeline, whole, layout, 720, 900)).toBeUndefined();
  });

  test("hundreds of workers still fit", () => {
    const lanes = Array.from({ length: 500 }, (_, i) => ({ worker: `w${i}`, spans: [] }));
    expect(layOut({ ...timeline, lanes }, 800).height).toBeLessThan(2_000);
  });
});

test("functions have colours of their own, as long as there are some", () => {
  const functions = Array.from({ length: 20 }, (_, i) => `f${i}`);
  const spans = functions.map((_, i) => [i, 100, 100 + i, 1, 0] as Timeline["lanes"][0]["spans"][0]);
  const found = shares({ ...timeline, functions, lanes: [{ worker: "w0", spans }] });
  expect(new Set(found.slice(13).map((share) => share.colour)).size).toBe(7);
  expect(new Set(found.slice(0, 13).map((share) => share.colour)).size).toBe(1);
});

test("a picture file names what it shows, as text", () => {
  const svg = new DOMParser().parseFromString(toSvg(timeline, whole), "image/svg+xml");
  expect(svg.querySelector("parsererror")).toBeNull();
  const texts = [...svg.querySelectorAll("text")].map((text) => text.textContent);
  expect(texts).toEqual(expect.arrayContaining(["w0", "w1", "fit", "a<b", "10 s"]));
});

test("trace events are in microseconds from the beginning", () => {
  const { traceEvents } = JSON.parse(toTrace(timeline)) as { traceEvents: Record<string, unknown>[] };
  expect(traceEvents.find((event) => event.name === "a<b")).toMatchObject({
    ph: "X", tid: 0, ts: 6e6, dur: 1e6, args: { tasks: 12, failed: 3 },
  });
  expect(traceEvents.filter((event) => event.ph === "M")).toHaveLength(2);
});
