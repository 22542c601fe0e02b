/** The timeline: a lane for each worker, on a canvas; to zoom and pan by mouse and keyboard, and to save. */

import { arrange, make, makeButton, setAttribute, setText } from "./dom";
import { paint, save } from "./export";
import type { Format } from "./export";
import { duration, number, percent, plural } from "./numbers";
import { shares } from "./palette";
import { GUTTER, layOut, scene, spanAt, timeAt } from "./scene";
import type { Timeline } from "./snapshot";
import { held, length, panned, zoomed } from "./zoom";
import type { Range } from "./zoom";

const IN = 0.6; // what a step of zooming leaves
const STEP = 0.2; // of what is in sight, a step of panning
const LEGEND = 12; // functions that are named

const FORMATS: readonly [Format, string][] = [
  ["svg", "SVG picture"], ["png", "PNG picture"], ["json", "Trace events (JSON)"],
];
const HELP = "Plus and minus zoom, arrows move, 0 shows all. Drag to move, Ctrl and the wheel to zoom.";

export interface TimelineView {
  node: HTMLElement;
  /** Say why there is none yet. */
  explain(reason: string): void;
  /** Draw a timeline; what the user looks at stays in sight. */
  update(timeline: Timeline): void;
  dispose(): void;
}

export function createTimeline(): TimelineView {
  let timeline: Timeline = { began: 0, ended: 0, functions: [], lanes: [] };
  let range: Range | null = null; // what the user looks at; all of it, as it grows, until he zooms
  let frame = 0;

  const canvas = make("canvas", "scoop-lanes", { tabindex: 0, role: "img" });
  const tip = make("div", "scoop-tip", { role: "tooltip" });
  const empty = make("p", "scoop-muted", {}, ["No timeline yet."]);
  const area = make("div", "scoop-timeline-area", {}, [canvas, tip]);
  const legend = make("ul", "scoop-legend");
  const seen = make("span", "scoop-muted", { role: "status" });
  const saving = make("select", "scoop-save", { "aria-label": "Save the timeline" }, [
    make("option", "", { value: "" }, ["Save as …"]),
    ...FORMATS.map(([value, text]) => make("option", "", { value }, [text])),
  ]);
  const tools = make("div", "scoop-line scoop-tools", {}, [
    seen,
    labelled(makeButton("scoop-button", "+", () => zoom(IN)), "Zoom in"),
    labelled(makeButton("scoop-button", "−", () => zoom(1 / IN)), "Zoom out"),
    labelled(makeButton("scoop-button", "All", () => look(null)), "Show all"),
    saving,
  ]);
  const table = make("table", "scoop-unseen");
  const node = make("section", "scoop-timeline", { "aria-label": "Timeline", "data-lm-suppress-shortcuts": true }, [
    tools, area, empty, legend, table,
  ]);

  const whole = (): Range => ({ from: timeline.began, until: Math.max(timeline.ended, timeline.began + 1e-3) });
  const inSight = (): Range => (range ? held(range, whole()) : whole());
  const layout = () => layOut(timeline, area.clientWidth);

  function schedule(): void {
    frame ||= requestAnimationFrame(draw);
  }

  function look(next: Range | null): void {
    range = next && length(next) < length(whole()) * 0.999 ? next : null;
    schedule();
  }

  function zoom(factor: number, around?: number): void {
    const now = inSight();
    look(zoomed(now, factor, around ?? (now.from + now.until) / 2, whole()));
  }

  function draw(): void {
    frame = 0;
    const { width, height } = layout();
    const context = canvas.getContext("2d");
    if (!context || width <= GUTTER || !timeline.lanes.length) return;
    const scale = devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      canvas.style.height = `${height}px`;
    }
    const style = getComputedStyle(node);
    const ink = {
      text: style.color,
      track: style.getPropertyValue("--scoop-track"),
      line: style.getPropertyValue("--scoop-line"),
    };
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    paint(context, scene(timeline, inSight(), layout(), ink), `11px ${style.fontFamily}`);
    const { from, until } = inSight();
    setText(seen, range ? `${duration(from - timeline.began)} to ${duration(until - timeline.began)}` : "");
  }

  function point(event: MouseEvent): { x: number; y: number } {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  function explain(event: PointerEvent): void {
    const { x, y } = point(event);
    const found = spanAt(timeline, inSight(), layout(), x, y);
    tip.hidden = !found;
    if (!found) return;
    const [, began, ended, tasks, failed] = found.span;
    const counts = [tasks > 1 ? plural(tasks, "task") : "", failed ? `${number(failed)} failed` : ""];
    const when = `at ${duration(began - timeline.began)}`;
    const says = [found.name, duration(ended - began), ...counts, found.worker, when];
    setText(tip, says.filter(Boolean).join(" · "));
    tip.style.left = `${Math.min(x + 12, Math.max(0, area.clientWidth - tip.offsetWidth))}px`;
    tip.style.top = `${y + 14}px`;
  }

  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (event.buttons & 1) {
      tip.hidden = true;
      look(panned(inSight(), -event.movementX / Math.max(1, layout().width - GUTTER), whole()));
    } else explain(event);
  });
  canvas.addEventListener("pointerleave", () => (tip.hidden = true));
  canvas.addEventListener("dblclick", (event) => zoom(IN, timeAt(point(event).x, inSight(), layout())));
  canvas.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return; // the wheel alone scrolls the page
    event.preventDefault();
    zoom(event.deltaY < 0 ? IN : 1 / IN, timeAt(point(event).x, inSight(), layout()));
  }, { passive: false });

  const keys: Record<string, () => void> = {
    "+": () => zoom(IN),
    "=": () => zoom(IN),
    "-": () => zoom(1 / IN),
    "0": () => look(null),
    "ArrowLeft": () => look(panned(inSight(), -STEP, whole())),
    "ArrowRight": () => look(panned(inSight(), STEP, whole())),
    "Home": () => look(panned(inSight(), -1e9, whole())),
    "End": () => look(panned(inSight(), 1e9, whole())),
  };
  canvas.addEventListener("keydown", (event) => {
    const act = keys[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    act();
  });
  saving.addEventListener("change", () => {
    const format = saving.value as Format;
    saving.value = "";
    save(timeline, inSight(), format).catch((error: unknown) => setText(seen, String(error)));
  });
  const sized = new ResizeObserver(schedule);
  sized.observe(area);

  return {
    node,
    explain: (reason) => setText(empty, `No timeline yet. ${reason}`),
    update(next) {
      timeline = next;
      empty.hidden = next.lanes.length > 0;
      area.hidden = tools.hidden = !empty.hidden;
      describe(next, canvas, legend, table);
      schedule();
    },
    dispose() {
      sized.disconnect();
      cancelAnimationFrame(frame);
    },
  };
}

function labelled(button: HTMLButtonElement, label: string): HTMLButtonElement {
  setAttribute(button, "aria-label", label);
  setAttribute(button, "title", label);
  return button;
}

/** Say in words what the lanes show: colours in the legend, numbers for screen readers. */
function describe(timeline: Timeline, canvas: Element, legend: Element, table: Element): void {
  const wall = Math.max(timeline.ended - timeline.began, 1e-9);
  const functions = shares(timeline).filter((share) => share.seconds > 0).toSorted((a, b) => b.seconds - a.seconds);
  const items = functions.slice(0, LEGEND).map(({ name, colour, seconds }) => {
    const swatch = make("span", "scoop-swatch", { "aria-hidden": true });
    swatch.style.background = colour;
    return make("li", "", {}, [swatch, make("span", "scoop-name", {}, [name]), ` ${duration(seconds)}`]);
  });
  if (functions.length > LEGEND) items.push(make("li", "", {}, [`${number(functions.length - LEGEND)} others`]));
  arrange(legend, items);
  const rows = timeline.lanes.map(({ worker, spans }) => {
    const busy = spans.reduce((sum, [, began, ended]) => sum + ended - began, 0);
    return make("tr", "", {}, [
      make("th", "", { scope: "row" }, [worker]), make("td", "", {}, [`busy ${percent(busy / wall)} of the time`]),
    ]);
  });
  arrange(table, rows);
  const said = functions.slice(0, 3).map(({ name, seconds }) => `${name} ${duration(seconds)}`).join(", ");
  const label = `Timeline of ${plural(timeline.lanes.length, "worker")} over ${duration(wall)}: ${said}. ${HELP}`;
  setAttribute(canvas, "aria-label", label);
}
