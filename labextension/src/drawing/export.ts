/** A timeline as a file: a picture, or trace events for Perfetto and its likes. */

import { layOut, scene } from "./scene";
import type { Ink, Shape } from "./scene";
import { shares } from "./palette";
import type { Timeline } from "./snapshot";
import type { Range } from "./zoom";

export type Format = "svg" | "png" | "json";

const WIDTH = 1200;
const FONT = "11px sans-serif";
const PAPER: Ink = { text: "#333333", track: "#ececec", line: "#d0d0d0" };
const LEGEND = 20; // pixels a line
const MARGIN = 12;

/** What stands on the sheet: the lanes, and which colour is which function. */
function sheet(timeline: Timeline, range: Range): { shapes: Shape[]; width: number; height: number } {
  const layout = layOut(timeline, WIDTH);
  const shapes = scene(timeline, range, layout, PAPER);
  const named = shares(timeline).filter((share) => share.seconds > 0).toSorted((a, b) => b.seconds - a.seconds);
  const lines = named.slice(0, 20);
  lines.forEach(({ name, colour }, i) => {
    const y = layout.height + 8 + i * LEGEND;
    shapes.push({ kind: "rect", x: layout.gutter, y, width: 10, height: 10, fill: colour });
    shapes.push({ kind: "text", x: layout.gutter + 16, y: y + 9, text: name, fill: PAPER.text, anchor: "start" });
  });
  return { shapes, width: WIDTH, height: layout.height + 8 + lines.length * LEGEND };
}

const escapes: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (letter) => escapes[letter] ?? letter);
const short = (value: number): string => String(Math.round(value * 100) / 100);

export function toSvg(timeline: Timeline, range: Range): string {
  const { shapes, width, height } = sheet(timeline, range);
  const drawn = shapes.map((shape) => {
    const at = `x="${short(shape.x)}" y="${short(shape.y)}" fill="${shape.fill}"`;
    if (shape.kind === "text") return `<text ${at} text-anchor="${shape.anchor}">${escaped(shape.text)}</text>`;
    return `<rect ${at} width="${short(shape.width)}" height="${short(shape.height)}"/>`;
  });
  const box = [-MARGIN, -MARGIN, width + 2 * MARGIN, height + 2 * MARGIN];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box.join(" ")}" width="${box[2]}" height="${box[3]}"`,
    ` style="background:#ffffff;font:${FONT}">`,
    `<title>Timeline of ${escaped(timeline.lanes.map((lane) => lane.worker).join(", "))}</title>`,
    ...drawn, "</svg>",
  ].join("");
}

/** Paint shapes; the canvas's unit is a pixel of the page. */
export function paint(canvas: CanvasRenderingContext2D, shapes: readonly Shape[], font: string): void {
  canvas.font = font;
  for (const shape of shapes) {
    canvas.fillStyle = shape.fill;
    if (shape.kind === "rect") canvas.fillRect(shape.x, shape.y, shape.width, shape.height);
    else {
      canvas.textAlign = shape.anchor === "middle" ? "center" : "left";
      canvas.fillText(shape.text, shape.x, shape.y);
    }
  }
}

async function toPng(timeline: Timeline, range: Range): Promise<Blob> {
  const { shapes, width, height } = sheet(timeline, range);
  const canvas = document.createElement("canvas");
  canvas.width = 2 * (width + 2 * MARGIN);
  canvas.height = 2 * (height + 2 * MARGIN);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("this browser has no canvas");
  context.fillStyle = "#ffffff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(2, 0, 0, 2, 2 * MARGIN, 2 * MARGIN);
  paint(context, shapes, FONT);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large"))), "image/png");
  });
}

/** The trace events of all spans, in microseconds from the beginning. */
export function toTrace(timeline: Timeline): string {
  const micros = (time: number): number => Math.round((time - timeline.began) * 1e6);
  const events = timeline.lanes.flatMap(({ worker, spans }, tid) => [
    { ph: "M", name: "thread_name", pid: 1, tid, args: { name: worker } },
    ...spans.map(([fn, began, ended, tasks, failed]) => ({
      ph: "X", name: timeline.functions[fn] ?? "?", cat: "task", pid: 1, tid,
      ts: micros(began), dur: micros(ended) - micros(began), args: { tasks, failed },
    })),
  ]);
  return JSON.stringify({ traceEvents: events, displayTimeUnit: "ms" });
}

/** Have the browser save a timeline. */
export async function save(timeline: Timeline, range: Range, format: Format): Promise<void> {
  const blob =
    format === "png"
      ? await toPng(timeline, range)
      : format === "svg"
        ? new Blob([toSvg(timeline, range)], { type: "image/svg+xml" })
        : new Blob([toTrace(timeline)], { type: "application/json" });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = `timeline.${format}`;
  // On the page, since VS Code saves for its frames whatever link is clicked there.
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // some browsers read it a while after the click
}
