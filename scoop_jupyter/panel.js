/**
 * The live panel below a cell: draws the snapshot of view.py, and no more than once per animation frame.
 *
 * Nodes are made once and then changed in place, so that what is unfolded, scrolled to or focused stays.
 * The number formats and the estimate repeat those of view.py: a test holds the two to the same words.
 */

const MORE_ROWS = 200; // rows of the tree at first, and with each "more": 20 ms to draw when all have changed
const MORE_WORKERS = 64;
const DENSE_FROM = 25; // workers: from here on, one line each
const OPEN_DEPTH = 3; // levels that start unfolded
const MAX_INDENT = 12;
const TICK = 250; // milliseconds between two moves of the clock
const SILENCE = 10; // seconds without a snapshot before the panel says so: the kernel is gone or held up
const STATES = ["done", "failed", "running", "queued", "cancelled"];

export default {
  render({ model, el }) {
    const panel = createPanel(el);
    let frame = 0;
    const draw = () => {
      frame = 0;
      panel.show(model.get("snapshot"));
    };
    const schedule = () => {
      frame ||= requestAnimationFrame(draw);
    };
    model.on("change:snapshot", schedule);
    const clock = setInterval(panel.tick, TICK);
    draw();
    return () => {
      model.off("change:snapshot", schedule);
      cancelAnimationFrame(frame);
      clearInterval(clock);
      panel.node.remove();
    };
  },
};

// --- Numbers for people ------------------------------------------------------------------------------------

const grouped = new Intl.NumberFormat("en-US");
const rounded = (value) => Math.floor(value + 0.5);
const padded = (value) => String(value).padStart(2, "0");
const clamped = (share) => Math.min(Math.max(share || 0, 0), 1);

function tenths(value) {
  const count = rounded(value * 10);
  return `${Math.floor(count / 10)}.${count % 10}`;
}

export function number(count) {
  return grouped.format(count);
}

export function plural(count, noun) {
  return `${number(count)} ${noun}${count === 1 ? "" : "s"}`;
}

export function percent(share) {
  return `${Math.floor(clamped(share) * 100)} %`;
}

export function duration(seconds) {
  if (seconds < 0.0000005) return "0 s";
  if (seconds < 0.0009995) return `${rounded(seconds * 1e6)} µs`;
  if (seconds < 0.00995) return `${tenths(seconds * 1e3)} ms`;
  if (seconds < 0.9995) return `${rounded(seconds * 1e3)} ms`;
  if (seconds < 9.95) return `${tenths(seconds)} s`;
  const whole = rounded(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${padded(whole % 60)} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)} h ${padded(minutes % 60)} min`;
  return `${Math.floor(minutes / 1440)} d ${Math.floor((minutes % 1440) / 60)} h`;
}

export function about(seconds) {
  if (seconds <= 10) return `${Math.max(1, Math.ceil(seconds))} s`;
  if (seconds <= 90) return `${Math.ceil(seconds / 5) * 5} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 120 ? `${minutes} min` : duration(minutes * 60);
}

export function size(count) {
  for (const unit of ["B", "KiB", "MiB", "GiB"]) {
    if (count < 999.5) return `${count < 9.95 && unit !== "B" ? tenths(count) : rounded(count)} ${unit}`;
    count /= 1024;
  }
  return `${tenths(count)} TiB`;
}

function ratio(value) {
  return value < 99.95 ? tenths(value) : number(rounded(value));
}

// --- What the numbers say ----------------------------------------------------------------------------------

const total = (tasks) => STATES.reduce((sum, state) => sum + tasks[state], 0);
const finished = (tasks) => tasks.done + tasks.failed;
const worthSaying = (tasks) => STATES.filter((state) => tasks[state] || state === "done");
const mean = (group) => (finished(group) ? group.seconds / finished(group) : null);

/** Fill what a snapshot lacks: before the first one, the trait may be empty. */
function complete(snapshot) {
  return {
    pool: { name: "scoop", state: "starting" },
    time: 0,
    started: null,
    ended: null,
    cpu: 0,
    busy: 0,
    workers: [],
    groups: [],
    ...snapshot,
    tasks: { queued: 0, running: 0, done: 0, failed: 0, cancelled: 0, ...snapshot?.tasks },
  };
}

function progress(tasks) {
  return total(tasks) ? (finished(tasks) + tasks.cancelled) / total(tasks) : 0;
}

function elapsed(snapshot) {
  return snapshot.started === null ? null : Math.max(0, (snapshot.ended ?? snapshot.time) - snapshot.started);
}

export function status(snapshot) {
  const { pool, tasks } = snapshot;
  if (pool.state === "lost") return "lost";
  if (snapshot.ended !== null) {
    if (tasks.failed) return "failed";
    return finished(tasks) < total(tasks) ? "cancelled" : "done";
  }
  if (pool.state !== "running") return pool.state;
  return snapshot.started === null ? "waiting" : "running";
}

const HEADLINES = {
  starting: "Starting",
  waiting: "Waiting for tasks",
  running: "Running",
  done: "Finished",
  failed: "Finished with failures",
  cancelled: "Cancelled",
  stopped: "Stopped",
  lost: "Pool lost",
};

const NOTES = { lost: "The pool no longer answers. These are the last numbers it sent." };

const isOver = (snapshot) => snapshot.ended !== null || status(snapshot) === "lost";

export function remaining(snapshot) {
  const gone = elapsed(snapshot);
  const { tasks } = snapshot;
  const over = finished(tasks);
  const waiting = tasks.queued + tasks.running;
  if (gone === null || gone < 0.5 || status(snapshot) !== "running" || !over || !waiting) return null;
  let left = 0;
  let passed = 0;
  for (const group of snapshot.groups) {
    const each = mean(group) ?? snapshot.busy / over;
    left += each * (group.queued + group.running / 2);
    passed += group.seconds + (each * group.running) / 2;
  }
  return passed > 0 ? (gone * left) / passed : (gone * waiting) / over;
}

export function balance(snapshot) {
  const { tasks, cpu, busy } = snapshot;
  const wall = elapsed(snapshot);
  const over = finished(tasks);
  const known = total(tasks);
  const parts = [over === known ? plural(over, "task") : `${number(over)} of ${plural(known, "task")}`];
  if (wall !== null) parts[0] += ` in ${duration(wall)} (wall)`;
  if (over) {
    parts.push(`${duration(cpu)} CPU`);
    const workers = present(snapshot.workers).length;
    if (wall && workers) parts.push(`speed-up ${ratio(busy / wall)} on ${plural(workers, "worker")}`);
  }
  for (const state of ["failed", "cancelled"]) {
    if (tasks[state]) parts.push(`${number(tasks[state])} ${state}`);
  }
  return parts.join(" · ");
}

/** Leave out lost workers, whose successors are in the list too, unless all are lost. */
function present(workers) {
  const there = workers.filter((worker) => worker.state !== "lost");
  return there.length ? there : workers;
}

/** Return the rows of the tree, parents first, with all that drawing one needs to know of its neighbours. */
function walk(groups) {
  const rows = new Map(groups.map((group) => [group.id, { group, kids: [], below: 0, failedBelow: 0 }]));
  const roots = [];
  for (const row of rows.values()) {
    row.parent = rows.get(row.group.parent);
    row.siblings = row.parent?.kids ?? roots;
    row.position = row.siblings.push(row);
  }
  const order = [];
  const stack = [...roots].reverse();
  while (stack.length) {
    const row = stack.pop();
    order.push(row);
    row.depth = row.parent ? row.parent.depth + 1 : 0;
    for (let i = row.kids.length - 1; i >= 0; i--) stack.push(row.kids[i]);
  }
  // Children come after their parents, so backwards each is complete when it is added to its parent.
  for (let i = order.length - 1; i >= 0; i--) {
    const { parent, below, failedBelow, group } = order[i];
    if (!parent) continue;
    parent.below += below + 1;
    parent.failedBelow += failedBelow + group.failed;
  }
  return order;
}

// --- Nodes -------------------------------------------------------------------------------------------------

function make(tag, className = "", attributes = {}, children = []) {
  const node = document.createElement(tag);
  if (className) node.className = className;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

const SHAPES = {
  done: '<circle cx="8" cy="8" r="7"/><path class="cut" d="M4.6 8.3 7 10.7l4.4-5"/>',
  failed: '<circle cx="8" cy="8" r="7"/><path class="cut" d="m5.2 5.2 5.6 5.6m0-5.6-5.6 5.6"/>',
  lost: '<path d="M8 .8 15.6 14.6H.4z"/><path class="cut" d="M8 6v4m0 1.6v1.2"/>',
  cancelled: '<circle cx="8" cy="8" r="7"/><path class="cut" d="M4.6 8h6.8"/>',
  stopped: '<rect x="2" y="2" width="12" height="12" rx="2"/>',
  running:
    '<circle class="line faint" cx="8" cy="8" r="6"/><path class="line turning" d="M8 2a6 6 0 0 1 6 6"/>',
  starting: '<circle class="line dashed" cx="8" cy="8" r="6"/>',
  waiting: '<circle class="line" cx="8" cy="8" r="6"/>',
  fold: '<path class="line" d="m5.5 3 5 5-5 5"/>',
};

function makeIcon(name = "") {
  const icon = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  icon.setAttribute("class", "scoop-icon");
  icon.setAttribute("viewBox", "0 0 16 16");
  icon.setAttribute("aria-hidden", "true");
  setIcon(icon, name);
  return icon;
}

function setIcon(icon, name) {
  if (icon.dataset.name === name) return;
  icon.dataset.name = name;
  icon.innerHTML = SHAPES[name] ?? "";
}

function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function setAttribute(node, name, value) {
  const text = value === null ? null : String(value);
  if (node.getAttribute(name) === text) return;
  if (text === null) node.removeAttribute(name);
  else node.setAttribute(name, text);
}

/** Make `nodes` the children of `parent`; one that stays in its place keeps its focus and its scroll. */
function arrange(parent, nodes) {
  const wanted = new Set(nodes);
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove();
  let at = parent.firstElementChild;
  for (const node of nodes) {
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
}

/** A map from key to part: makes what is missing, and forgets what was not asked for since the last sweep. */
function createParts(makePart) {
  let parts = new Map();
  let used = new Map();
  return {
    get(key) {
      if (!used.has(key)) used.set(key, parts.get(key) ?? makePart(key));
      return used.get(key);
    },
    sweep() {
      [parts, used] = [used, new Map()];
    },
    peek: (key) => parts.get(key),
    each: (action) => parts.forEach(action),
  };
}

function createBar(label) {
  const node = make("div", "scoop-bar", { role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100 });
  if (label) node.setAttribute("aria-label", label);
  const segments = {};
  for (const state of ["done", "failed", "running", "cancelled"]) {
    segments[state] = make("div", `scoop-fill scoop-${state}`);
    node.append(segments[state]);
  }
  return {
    node,
    update(tasks) {
      const known = total(tasks) || 1;
      for (const [state, segment] of Object.entries(segments)) {
        const width = `${(tasks[state] / known) * 100}%`;
        if (segment.style.width !== width) segment.style.width = width;
        segment.hidden = !tasks[state];
      }
      const says = worthSaying(tasks).map((state) => `${number(tasks[state])} ${state}`).join(", ");
      setAttribute(node, "aria-valuenow", Math.floor(progress(tasks) * 100));
      setAttribute(node, "aria-valuetext", says);
      setAttribute(node, "title", says);
    },
  };
}

function createLoad(label) {
  const fill = make("div", "scoop-fill scoop-done");
  const attributes = { role: "meter", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 };
  const node = make("div", "scoop-bar scoop-load", attributes, [fill]);
  return {
    node,
    update(share) {
      const width = percent(share).replace(" ", "");
      if (fill.style.width !== width) fill.style.width = width;
      setAttribute(node, "aria-valuenow", Math.floor(clamped(share) * 100));
      setAttribute(node, "aria-valuetext", percent(share));
    },
  };
}

function createMore(noun, onMore) {
  const node = make("button", "scoop-more", { type: "button" });
  node.addEventListener("click", onMore);
  return {
    node,
    update(left, step) {
      node.hidden = left <= 0;
      const portion = left > step ? `${number(step)} of ` : "";
      setText(node, `Show ${portion}${plural(left, `more ${noun}`)}`);
    },
  };
}

// --- The panel ---------------------------------------------------------------------------------------------

function createPanel(el) {
  const header = createHeader(() => fold(!folded()));
  const counts = createCounts();
  const note = make("p", "scoop-note");
  const workers = createWorkers(redraw);
  const tree = createTree(redraw);
  const body = make("div", "scoop-body", {}, [counts.node, note, workers.node, tree.node]);
  // One sentence for screen readers at each turn of the run; the numbers themselves would never stop talking.
  const news = make("span", "scoop-unseen", { role: "status" });
  const node = make("section", "scoop-panel", { "aria-label": "SCOOP run" }, [header.node, body, news]);
  el.append(node);

  let snapshot = complete(null);
  let arrived = performance.now();
  let choice = null; // folded or not, as the user chose; until then the panel folds when all went well

  const folded = () => choice ?? (status(snapshot) === "done" && !tree.touched());

  const sinceArrival = () => (status(snapshot) === "running" ? (performance.now() - arrived) / 1000 : 0);

  function fold(value) {
    choice = value;
    redraw();
  }

  function redraw() {
    const state = status(snapshot);
    setAttribute(node, "data-status", state);
    setAttribute(node, "data-folded", folded());
    header.update(snapshot, state, folded());
    body.hidden = folded();
    if (!body.hidden) {
      counts.node.hidden = !total(snapshot.tasks);
      counts.update(snapshot.tasks);
      setText(note, NOTES[state] ?? "");
      workers.update(snapshot);
      tree.update(snapshot.groups);
    }
    setText(news, isOver(snapshot) ? `${HEADLINES[state]}: ${balance(snapshot)}` : HEADLINES[state]);
    tick();
  }

  function tick() {
    const passed = sinceArrival();
    const silent = passed > SILENCE;
    setAttribute(node, "data-silent", silent);
    header.tick(snapshot, passed, silent);
    if (!body.hidden) workers.tick(snapshot.time + (silent ? 0 : passed));
  }

  return {
    node,
    tick,
    show(next) {
      if (next?.started !== snapshot.started && snapshot.ended !== null) choice = null; // the next run
      snapshot = complete(next);
      arrived = performance.now();
      redraw();
    },
  };
}

function createHeader(onFold) {
  const icon = makeIcon();
  const title = make("strong", "scoop-title");
  const says = make("span", "scoop-says");
  const times = make("span", "scoop-times", { role: "timer" });
  const button = make("button", "scoop-fold", { type: "button" }, [makeIcon("fold")]);
  button.addEventListener("click", onFold);
  const node = make("header", "scoop-header", {}, [icon, title, says, times, button]);
  return {
    node,
    update(snapshot, state, folded) {
      setIcon(icon, state);
      setText(title, HEADLINES[state]);
      const workers = present(snapshot.workers).length;
      const where = workers ? `${snapshot.pool.name} · ${plural(workers, "worker")}` : snapshot.pool.name;
      setText(says, isOver(snapshot) ? balance(snapshot) : where);
      setAttribute(button, "aria-expanded", !folded);
      setAttribute(button, "aria-label", "Details of the run");
      setAttribute(button, "title", folded ? "Show details" : "Hide details");
    },
    tick(snapshot, passed, silent) {
      const gone = elapsed(snapshot);
      const left = remaining(snapshot);
      const parts = [];
      if (gone !== null && !isOver(snapshot)) parts.push(duration(silent ? gone : gone + passed));
      if (silent) parts.push(`no news for ${duration(passed)}`);
      else if (left !== null) parts.push(`about ${about(left - passed)} left`);
      setText(times, parts.join(" · "));
    },
  };
}

function createCounts() {
  const bar = createBar("Progress of the run");
  const share = make("span", "scoop-share");
  const legend = make("ul", "scoop-legend");
  const items = createParts((state) => {
    const count = make("span");
    const swatch = make("span", `scoop-swatch scoop-${state}`, { "aria-hidden": true });
    return { node: make("li", "", {}, [swatch, count]), count };
  });
  const node = make("div", "scoop-counts", {}, [make("div", "scoop-line", {}, [bar.node, share]), legend]);
  return {
    node,
    update(tasks) {
      bar.update(tasks);
      setText(share, percent(progress(tasks)));
      const states = worthSaying(tasks);
      for (const state of states) setText(items.get(state).count, `${number(tasks[state])} ${state}`);
      arrange(legend, states.map((state) => items.get(state).node));
      items.sweep();
    },
  };
}

// --- Workers -----------------------------------------------------------------------------------------------

const WORKER_STATES = ["busy", "idle", "starting", "lost", "stopped"];
const sum = (rows, field) => rows.reduce((value, row) => value + row[field], 0);

function createWorkers(redraw) {
  let limit = MORE_WORKERS;
  const title = make("span", "scoop-muted");
  const list = make("div", "scoop-hosts");
  const more = createMore("worker", () => {
    limit += MORE_WORKERS;
    redraw();
  });
  const hosts = createParts(createHost);
  const heading = make("h4", "scoop-heading", {}, ["Workers ", title]);
  const node = make("section", "scoop-workers", { "aria-label": "Workers" }, [heading, list, more.node]);

  function update(snapshot) {
    const { workers } = snapshot;
    const over = isOver(snapshot) && status(snapshot) !== "lost";
    node.hidden = !workers.length;
    if (node.hidden) return;
    setText(title, describe(workers, over));
    setAttribute(node, "data-dense", workers.length >= DENSE_FROM);
    const byHost = groupByHost(workers.slice(0, limit));
    for (const [host, members] of byHost) hosts.get(host).update(members, { named: byHost.size > 1, over });
    arrange(list, [...byHost.keys()].map((host) => hosts.get(host).node));
    hosts.sweep();
    more.update(workers.length - limit, MORE_WORKERS);
  }

  return { node, update, tick: (now) => hosts.each((host) => host.tick(now)) };
}

/** Say of all workers what each of them says of itself: state by state while they run, then only how many. */
function describe(workers, over) {
  const there = present(workers);
  const count = (state) => workers.filter((worker) => worker.state === state).length;
  const says = WORKER_STATES.filter(count).map((state) => `${number(count(state))} ${state}`);
  const up = there.filter((worker) => worker.state === "busy" || worker.state === "idle");
  if (over) says.splice(0, says.length, number(there.length));
  else if (up.length) says.push(`load ${percent(sum(up, "busy") / up.length)}`);
  if (up.length) says.push(size(sum(up, "memory")));
  return says.join(" · ");
}

function groupByHost(workers) {
  const hosts = new Map();
  for (const worker of workers) {
    if (!hosts.has(worker.host)) hosts.set(worker.host, []);
    hosts.get(worker.host).push(worker);
  }
  return hosts;
}

function createHost(name) {
  const title = make("div", "scoop-host scoop-muted");
  const list = make("ul", "scoop-grid");
  const rows = createParts(createWorker);
  return {
    node: make("div", "", {}, [title, list]),
    update(workers, { named, over }) {
      title.hidden = !named;
      setText(title, name);
      // A worker that was replaced may have left its name to its successor.
      const parts = workers.map((worker) => rows.get(`${worker.name} ${worker.pid}`));
      parts.forEach((part, i) => part.update(workers[i], over));
      arrange(list, parts.map((part) => part.node));
      rows.sweep();
    },
    tick: (now) => rows.each((row) => row.tick(now)),
  };
}

function createWorker() {
  let worker;
  const name = make("span", "scoop-name");
  const load = createLoad("Load");
  const share = make("span", "scoop-number");
  const task = make("span", "scoop-task");
  const time = make("span", "scoop-since");
  const doing = make("span", "scoop-doing", {}, [task, time]);
  const memory = make("span", "scoop-number scoop-muted");
  const node = make("li", "scoop-worker", {}, [name, load.node, share, doing, memory]);
  return {
    node,
    update(next, over) {
      worker = next;
      const { state } = worker;
      const did = plural(worker.done, "task");
      setAttribute(node, "data-state", state);
      setAttribute(node, "title", `${worker.name}: process ${worker.pid} on ${worker.host}, ${did} done`);
      setText(name, worker.name);
      setAttribute(node, "data-over", over);
      load.update(state === "lost" ? 0 : worker.busy);
      const now = state === "busy" || state === "idle" ? percent(worker.busy) : state;
      setText(share, over ? `${did} · ${duration(worker.cpu)} CPU` : now);
      setText(task, worker.task ?? (state === "idle" ? "idle" : ""));
      setText(memory, size(worker.memory));
    },
    tick(now) {
      const since = worker.since === null ? 0 : now - worker.since;
      setText(time, since >= 1 && task.textContent ? duration(since) : "");
    },
  };
}

// --- The task tree -----------------------------------------------------------------------------------------

const COLUMNS = ["Function", "Progress", "Done", "Running", "Failed", "Mean", "Longest", "Total"];

function createTree(redraw) {
  const open = new Map(); // group id to what the user chose
  const told = new Set(); // ids of the groups whose errors are unfolded
  let limit = MORE_ROWS;
  let current = null; // id of the row that Tab leads to
  let shown = []; // the rows on the page

  const parts = createParts(createRow);
  const isOpen = (row) => open.get(row.group.id) ?? row.depth < OPEN_DEPTH;
  const head = make("tr", "", {}, COLUMNS.map((title) => make("th", "", { scope: "col" }, [title])));
  const rows = make("tbody");
  const roles = { role: "treegrid", "aria-label": "Tasks by function and parent" };
  const table = make("table", "scoop-tree", roles, [make("thead", "", {}, [head]), rows]);
  const more = createMore("group", showMore);
  const scroll = make("div", "scoop-scroll", {}, [table]);
  const title = make("span", "scoop-muted");
  const heading = make("h4", "scoop-heading", {}, ["Tasks ", title]);
  const node = make("section", "scoop-tasks", { "aria-label": "Tasks" }, [heading, scroll, more.node]);
  // JupyterLab would take the arrow keys to walk among its cells.
  node.setAttribute("data-lm-suppress-shortcuts", "true");
  rows.addEventListener("click", onClick);
  rows.addEventListener("keydown", onKey);

  function update(groups) {
    node.hidden = !groups.length;
    setText(title, plural(groups.length, "group"));
    const visible = unfolded(walk(groups), isOpen);
    shown = visible.slice(0, limit);
    if (!shown.some((row) => row.group.id === current)) current = shown[0]?.group.id ?? null;
    const nodes = [];
    for (const row of shown) {
      const { id } = row.group;
      const errors = errorsOf(row.group);
      const part = parts.get(id);
      part.update(row, { open: isOpen(row), told: told.has(id), current: id === current });
      nodes.push(part.node);
      if (told.has(id) && errors.length) nodes.push(part.errors(errors, row.depth));
    }
    arrange(rows, nodes);
    parts.sweep();
    more.update(visible.length - limit, MORE_ROWS);
  }

  function showMore() {
    const first = limit;
    limit += MORE_ROWS;
    redraw();
    focus(shown[first]);
  }

  function focus(row) {
    if (!row) return;
    current = row.group.id;
    redraw();
    parts.peek(current).node.focus();
  }

  function setOpen(row, value) {
    open.set(row.group.id, value);
    focus(row);
  }

  function toggleErrors(row) {
    const { id } = row.group;
    if (!told.delete(id)) told.add(id);
    redraw();
  }

  /** Do what a click, Enter or Space on a row asks for. */
  function activate(row) {
    if (row.kids.length) setOpen(row, !isOpen(row));
    else if (errorsOf(row.group).length) toggleErrors(row);
  }

  const rowOf = (event) => shown.find((row) => parts.peek(row.group.id).node === event.target.closest("tr"));

  function onClick(event) {
    const row = rowOf(event);
    if (!row) return;
    if (event.target.closest("button")) toggleErrors(row);
    else if (getSelection().isCollapsed) {
      current = row.group.id;
      activate(row);
    }
  }

  const keys = {
    ArrowDown: (row, i) => focus(shown[i + 1]),
    ArrowUp: (row, i) => focus(shown[i - 1]),
    Home: () => focus(shown[0]),
    End: () => focus(shown.at(-1)),
    ArrowRight(row, i) {
      if (row.kids.length) isOpen(row) ? focus(shown[i + 1]) : setOpen(row, true);
    },
    ArrowLeft(row) {
      if (row.kids.length && isOpen(row)) setOpen(row, false);
      else focus(row.parent);
    },
    Enter: activate,
    " ": activate,
  };

  function onKey(event) {
    const row = rowOf(event);
    const onButton = event.target.closest("button") && (event.key === "Enter" || event.key === " ");
    if (!row || onButton || !keys[event.key] || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key](row, shown.indexOf(row));
  }

  return { node, update, touched: () => open.size > 0 || told.size > 0 };
}

/** Leave out the rows that lie under a folded one. */
function unfolded(order, isOpen) {
  const visible = [];
  let closed = Infinity; // depth of the folded row that we are below
  for (const row of order) {
    if (row.depth > closed) continue;
    closed = row.kids.length && !isOpen(row) ? row.depth : Infinity;
    visible.push(row);
  }
  return visible;
}

function createRow() {
  let drawn = ""; // what the row says now: of ten thousand groups few change between two draws
  const chevron = makeIcon();
  const label = make("span", "scoop-name");
  const badge = make("span", "scoop-badge");
  const bar = createBar("Progress");
  const failed = make("button", "scoop-failures", { type: "button" });
  const below = make("span", "scoop-muted");
  const cells = ["done", "running", "mean", "longest", "total"].map(() => make("td"));
  const name = make("th", "", { scope: "row" }, [make("div", "scoop-cell", {}, [chevron, label, badge])]);
  const [done, running, average, longest, seconds] = cells;
  const node = make("tr", "scoop-row", {}, [
    name,
    make("td", "", {}, [bar.node]),
    done,
    running,
    make("td", "", {}, [failed, below]),
    average,
    longest,
    seconds,
  ]);
  const list = createErrors();

  return {
    node,
    errors: list.update,
    update({ group, kids, depth, position, siblings, below: inside, failedBelow }, { open, told, current }) {
      const { failures, ...figures } = group;
      const facts = [depth, position, siblings.length, kids.length, inside, failedBelow, open, told, current];
      const says = [...facts, failures.length, ...Object.values(figures)].join();
      if (says === drawn) return;
      drawn = says;
      setAttribute(node, "aria-level", depth + 1);
      setAttribute(node, "aria-posinset", position);
      setAttribute(node, "aria-setsize", siblings.length);
      setAttribute(node, "aria-expanded", kids.length ? open : null);
      setAttribute(node, "tabindex", current ? 0 : -1);
      name.style.setProperty("--scoop-depth", Math.min(depth, MAX_INDENT));
      setIcon(chevron, kids.length ? "fold" : "");
      setText(label, group.name);
      setAttribute(label, "title", group.name);
      setText(badge, kids.length && !open ? `+${number(inside)}` : "");
      bar.update(group);
      setText(done, `${number(finished(group))} / ${number(total(group))}`);
      setText(running, group.running ? number(group.running) : "");
      failed.hidden = !group.failed;
      setText(failed, number(group.failed));
      setAttribute(failed, "aria-expanded", told);
      setAttribute(failed, "aria-label", `${number(group.failed)} failed: errors`);
      failed.disabled = !failures.length;
      setText(below, kids.length && !open && failedBelow ? ` +${number(failedBelow)} inside` : "");
      const each = mean(group);
      setText(average, each === null ? "" : duration(each));
      setText(longest, each === null ? "" : duration(group.longest));
      setText(seconds, each === null ? "" : duration(group.seconds));
    },
  };
}

function errorsOf(group) {
  return group.failures.map((failure) => failure.error);
}

function createErrors() {
  const list = make("ul");
  const node = make("tr", "scoop-errors", {}, [make("td", "", { colspan: COLUMNS.length }, [list])]);
  const items = createParts(() => make("li", "", {}, [make("pre", "", { tabindex: 0 })]));
  return {
    node,
    update(errors, depth) {
      node.firstChild.style.setProperty("--scoop-depth", Math.min(depth, MAX_INDENT));
      errors.forEach((error, i) => setText(items.get(i).firstChild, error));
      arrange(list, errors.map((_, i) => items.get(i)));
      items.sweep();
      return node;
    },
  };
}
