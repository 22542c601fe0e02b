/**
 * How SCOOP's panel is drawn, wherever it is: below a cell (`widget.ts`), or in JupyterLab.
 *
 *     const panel = createPanel(element, { send: (action) => pool.send(action), replay: (id) => debug(id) });
 *     panel.show(snapshot);            // as often as there is one: it draws at most once per animation frame
 *     panel.showTimeline(timeline);    // in answer to send({ action: "timeline" })
 *     panel.dispose();
 *
 * Nothing here knows where snapshots come from or where actions go. The parts are also to be had one by one:
 * `createWorkers`, `createTree` and `createTimeline` have a `node` to put on the page and an `update`; the last two
 * must be disposed of. `createLoads` is a small drawing of all workers' loads. `style/panel.css` must be on the page,
 * and parts must lie in an element of the class `scoop-panel`, which has the colours.
 */

export { toSvg, toTrace } from "./export";
export { replayLine } from "./failures";
export type { Replay } from "./failures";
export { createLoads } from "./loads";
export type { Loads } from "./loads";
export * from "./model";
export * from "./numbers";
export { createPanel } from "./panel";
export type { Panel, PanelOptions } from "./panel";
export * from "./snapshot";
export { createTimeline } from "./timeline";
export type { TimelineView } from "./timeline";
export { createTree } from "./tree";
export type { Tree, TreeOptions } from "./tree";
export { createWorkers } from "./workers";
export type { Workers } from "./workers";
