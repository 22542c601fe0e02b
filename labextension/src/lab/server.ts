/** The door to the server: its addresses, and its stream. */

import { URLExt } from "@jupyterlab/coreutils";
import { ServerConnection } from "@jupyterlab/services";
import { Signal } from "@lumino/signaling";
import type { ISignal } from "@lumino/signaling";

import type { Snapshot } from "../drawing";
import type { PoolRow } from "./tokens";

// Milliseconds until a broken stream is tried again, at first and at most.
const FIRST = 500;
const LONGEST = 15_000;

/** What comes over the stream. */
export type News =
  | { type: "pools"; pools: PoolRow[] }
  | { type: "snapshot"; pool: string; snapshot: Snapshot }
  | { type: "gone"; pool: string }
  | { type: "error"; message: string };

/** What is said over the stream. */
export interface Wish { type: "watch" | "unwatch"; pool: string }

/** What is needed of a server. */
export interface IServer {
  /**
   * Ask for something below the server's address.
   *
   * @throws an error with the server's own words, if it refuses.
   */
  ask(method: string, path: string, body?: unknown): Promise<unknown>;
  readonly stream: IStream;
}

/** What comes by itself. */
export interface IStream {
  readonly news: ISignal<unknown, News>;
  /** Whether it is open now. */
  readonly opened: ISignal<unknown, boolean>;
  open(): void;
  say(wish: Wish): void;
  close(): void;
}

export class Server implements IServer {
  readonly stream: IStream;

  constructor(private readonly _settings: ServerConnection.ISettings) {
    this.stream = new Stream(_settings);
  }

  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const url = URLExt.join(this._settings.baseUrl, "scoop", path);
    const init: RequestInit = { method };
    if (body !== undefined) init.body = JSON.stringify(body);
    let response: Response;
    try {
      response = await ServerConnection.makeRequest(url, init, this._settings);
    } catch {
      throw new Error("The Jupyter server does not answer.");
    }
    const text = await response.text();
    let answer: unknown = null;
    try {
      answer = text ? JSON.parse(text) : null;
    } catch {
      // A page of a proxy, say: the status must do.
    }
    if (response.ok) return answer;
    const message = (answer as { message?: string } | null)?.message;
    throw new Error(message ?? `The Jupyter server answered ${response.status} ${response.statusText}.`);
  }
}

/** The websocket of this page; it comes back when the server does. */
class Stream implements IStream {
  private readonly _news = new Signal<this, News>(this);
  private readonly _opened = new Signal<this, boolean>(this);
  private _socket: WebSocket | null = null;
  private _timer: ReturnType<typeof setTimeout> | undefined;
  private _patience = FIRST;

  constructor(private readonly _settings: ServerConnection.ISettings) {}

  get news(): ISignal<this, News> {
    return this._news;
  }

  get opened(): ISignal<this, boolean> {
    return this._opened;
  }

  open(): void {
    const { wsUrl, token, appendToken, WebSocket: Socket } = this._settings;
    const query = appendToken && token ? `?token=${encodeURIComponent(token)}` : "";
    const socket = new Socket(URLExt.join(wsUrl, "scoop", "stream") + query);
    this._socket = socket;
    socket.onopen = () => {
      this._patience = FIRST;
      this._opened.emit(true);
    };
    socket.onmessage = (event) => this._news.emit(JSON.parse(event.data as string) as News);
    socket.onclose = () => {
      this._opened.emit(false);
      this._timer = setTimeout(() => this.open(), this._patience);
      this._patience = Math.min(2 * this._patience, LONGEST);
    };
  }

  say(wish: Wish): void {
    if (this._socket?.readyState === 1) this._socket.send(JSON.stringify(wish));
  }

  close(): void {
    clearTimeout(this._timer);
    if (this._socket) this._socket.onclose = null;
    this._socket?.close();
    Signal.clearData(this);
  }
}
