/** What a timeline looks like, as rectangles and texts: for the canvas, and for the picture files. Pure. */

import { duration } from "./numbers";
import { FAILED, shares } from "./palette";
import type { Span, Timeline } from "./snapshot";
import { length, ticks } from "./zoom";
import type { Range } from "./zoom";

export type Shape =
  | { kind: "rect"; x: number; y: number; width: number; height: number; fill: string }
  | { kind: "text"; x: number; y: number; text: string; fill: string; anchor: "start" | "middle" };

/** Colours that follow the theme. */
export interface Ink {
  text: string;
  track: string;
  line: string;
}

/** Where things lie, in pixels. */
export interface Layout {
  width: number;
  height: number;
  /** Width of the workers' names. */
  gutter: number;
  /** From one lane to the next, and how much of it is filled. */
  pitch: number;
  lane: number;
}

export const AXIS = 22; // pixels, for the times below the lanes
export const GUTTER = 56;
const MOST_HEIGHT = 360;
const MOST_PITCH = 24;
const LEAST_PITCH = 3;
const TEXT = 11; // pixels
const TICK_EVERY = 110; // pixels

export function layOut(timeline: Timeline, width: number): Layout {
  const lanes = Math.max(1, timeline.lanes.length);
  const pitch = Math.max(LEAST_PITCH, Math.min(MOST_PITCH, Math.floor(MOST_HEIGHT / lanes)));
  const lane = pitch > 8 ? pitch - 4 : pitch - 1;
  return { width, height: lanes * pitch + AXIS, gutter: GUTTER, pitch, lane };
}

export const timeAt = (x: number, range: Range, { width, gutter }: Layout): number =>
  range.from + ((x - gutter) / Math.max(1, width - gutter)) * length(range);

/** Draw what of a timeline lies in `range`. */
export function scene(timeline: Timeline, range: Range, layout: Layout, ink: Ink): Shape[] {
  const { width, height, gutter, pitch, lane } = layout;
  const shapes: Shape[] = [];
  const rect = (x: number, y: number, width: number, height: number, fill: string): void => {
    shapes.push({ kind: "rect", x, y, width, height, fill });
  };
  const text = (x: number, y: number, text: string, anchor: "start" | "middle"): void => {
    shapes.push({ kind: "text", x, y, text, anchor, fill: ink.text });
  };
  const scale = (width - gutter) / Math.max(length(range), 1e-9);
  const place = (time: number): number => gutter + (time - range.from) * scale;
  for (const time of ticks(range, timeline.began, (width - gutter) / TICK_EVERY)) {
    const x = place(timeline.began + time);
    rect(x, 0, 1, height - AXIS + 4, ink.line);
    text(Math.min(x, width - 20), height - 5, duration(time), "middle");
  }
  const functions = shares(timeline);
  const named = Math.ceil((TEXT + 2) / pitch); // every how many lanes there is room for a name
  timeline.lanes.forEach(({ worker, spans }, i) => {
    const y = i * pitch;
    if (i % named === 0) text(0, y + Math.min(lane, TEXT + 4) / 2 + TEXT / 2 - 1, worker, "start");
    rect(gutter, y, width - gutter, lane, ink.track);
    for (const [fn, began, ended, , failed] of spans) {
      if (ended < range.from || began > range.until) continue;
      const x = Math.max(gutter, place(began));
      const wide = Math.max(0.7, Math.min(width, place(ended)) - x);
      // A hairline of the track parts neighbours, where there is room for it.
      rect(x, y, wide > 3 ? wide - 0.6 : wide, lane, functions[fn]?.colour ?? ink.text);
      if (failed) rect(x, y + lane * 0.7, Math.max(2, wide), lane * 0.3, FAILED);
    }
  });
  return shapes;
}

export interface Found {
  worker: string;
  name: string;
  span: Span;
}

/** The span at a point, if there is one. */
export function spanAt(timeline: Timeline, range: Range, layout: Layout, x: number, y: number): Found | undefined {
  const lane = timeline.lanes[Math.floor(y / layout.pitch)];
  if (!lane || x < layout.gutter) return undefined;
  const time = timeAt(x, range, layout);
  const slack = (length(range) / Math.max(1, layout.width - layout.gutter)) * 2; // two pixels
  // The last one that fits: what began later is drawn over what began earlier.
  const span = lane.spans.findLast(([, began, ended]) => began - slack <= time && time <= ended + slack);
  return span && { worker: lane.worker, name: timeline.functions[span[0]] ?? "?", span };
}
