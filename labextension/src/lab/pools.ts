/** The user's pools, as the server tells of them. */

import { DisposableDelegate } from "@lumino/disposable";
import type { IDisposable } from "@lumino/disposable";
import { Signal } from "@lumino/signaling";

import type { Timeline } from "../drawing";
import type { IServer, News } from "./server";
import type { Choices, IPools, Order, PoolRow, Viewer } from "./tokens";

const HISTORY = 60; // seconds of load that are kept

export class Pools implements IPools {
  readonly changed = new Signal<this, void>(this);
  private _rows: PoolRow[] = [];
  private _connected = false;
  private readonly _loads = new Map<string, number[]>();
  private readonly _viewers = new Map<string, Set<Viewer>>();
  private readonly _watched = new Set<string>(); // pools that the server sends snapshots of
  private _clock: ReturnType<typeof setInterval> | undefined;

  constructor(private readonly _server: IServer) {
    const { stream } = _server;
    stream.news.connect((_, news) => this._hear(news));
    stream.opened.connect((_, connected) => {
      this._connected = connected;
      this._watched.clear();
      if (!connected) this._rows = [];
      this.changed.emit();
    });
    stream.open();
  }

  get rows(): readonly PoolRow[] {
    return this._rows;
  }

  get connected(): boolean {
    return this._connected;
  }

  load(name: string): readonly number[] {
    return this._loads.get(name) ?? [];
  }

  watch(name: string, viewer: Viewer): IDisposable {
    const viewers = this._viewers.get(name) ?? new Set();
    this._viewers.set(name, viewers.add(viewer));
    this._subscribe();
    return new DisposableDelegate(() => {
      viewers.delete(viewer);
      if (viewers.size) return;
      this._viewers.delete(name);
      this._watched.delete(name);
      this._server.stream.say({ type: "unwatch", pool: name });
    });
  }

  async choices(): Promise<Choices> {
    return await this._server.ask("GET", "options") as Choices;
  }

  async start(order: Order): Promise<string> {
    return (await this._server.ask("POST", "pools", order) as { name: string }).name;
  }

  async scale(name: string, n: number): Promise<void> {
    await this._server.ask("PATCH", `pools/${name}`, { n });
  }

  async cancel(name: string): Promise<void> {
    await this._server.ask("POST", `pools/${name}/cancel`);
  }

  async restart(name: string): Promise<void> {
    await this._server.ask("POST", `pools/${name}/restart`);
  }

  async stop(name: string): Promise<void> {
    await this._server.ask("DELETE", `pools/${name}`);
  }

  async cancelTask(name: string, worker: string): Promise<void> {
    await this._server.ask("POST", `pools/${name}/workers/${worker}/cancel-task`);
  }

  async restartWorker(name: string, worker: string): Promise<void> {
    await this._server.ask("POST", `pools/${name}/workers/${worker}/restart-worker`);
  }

  async timeline(name: string): Promise<Timeline> {
    return await this._server.ask("GET", `pools/${name}/timeline`) as Timeline;
  }

  dispose(): void {
    clearInterval(this._clock);
    this._server.stream.close();
    Signal.clearData(this);
  }

  private _hear(news: News): void {
    if (news.type === "pools") {
      this._rows = news.pools;
      this._subscribe();
      this._count();
      // The server is silent while nothing changes, but time goes on.
      clearInterval(this._clock);
      if (this._rows.length) this._clock = setInterval(() => this._count(), 1000);
      return;
    }
    if (news.type === "error") return;
    if (news.type === "gone") this._watched.delete(news.pool);
    for (const viewer of this._viewers.get(news.pool) ?? []) {
      if (news.type === "snapshot") viewer.show(news.snapshot);
      else viewer.gone();
    }
  }

  /** Ask for snapshots of those that are here and looked at. */
  private _subscribe(): void {
    const here = new Set(this._rows.map((row) => row.name));
    for (const pool of this._viewers.keys()) {
      if (!here.has(pool) || this._watched.has(pool)) continue;
      this._watched.add(pool);
      this._server.stream.say({ type: "watch", pool });
    }
  }

  private _count(): void {
    const here = new Map(this._rows.map((row) => [row.name, row]));
    for (const name of this._loads.keys()) if (!here.has(name)) this._loads.delete(name);
    for (const [name, row] of here) {
      this._loads.set(name, [...this.load(name), row.busy].slice(-HISTORY));
    }
    this.changed.emit();
  }
}
