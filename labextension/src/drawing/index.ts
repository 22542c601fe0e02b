/**
 * How SCOOP's panel is drawn, wherever it is: below a cell (`widget.ts`), or in JupyterLab.
 *
 *     const panel = createPanel(element, { send: (action) => pool.send(action), replay: (id) => debug(id) });
 *     panel.show(snapshot);   // as often as there is one: it draws at most once per animation frame
 *     panel.dispose();
 *
 * Nothing here knows where snapshots come from or where actions go. The parts are also to be had one by one:
 * `createTree` and `createWorkers` have a `node` and an `update`. `style/panel.css` must be on the page, and the
 * parts must lie in an element of the class `scoop-panel`, which has the colours.
 */

export * from "./model";
export * from "./numbers";
export { createPanel } from "./panel";
export type { Panel, PanelOptions } from "./panel";
export * from "./snapshot";
export { createTree } from "./tree";
export type { Tree, TreeOptions } from "./tree";
export { createWorkers } from "./workers";
export type { Workers } from "./workers";
