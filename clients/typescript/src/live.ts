/**
 * The connection on which the server sends events. It reconnects by itself, and resumes from the
 * last cursor: nothing is missed after any absence.
 */

import { type Carrier, CarrierError, value } from "./index.js";
import { json } from "./json.js";
import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** An event, by its `type`. Take rows by their `rev`. */
export type ServerEvent = Schemas["ServerEvent"];
/** A command to the server. */
export type ClientCommand = Schemas["ClientCommand"];
/** `offline`: it reconnects by itself. `ended`: the session has ended, log in again. */
export type LiveState = "online" | "offline" | "ended";

export interface LiveOptions {
  /**
   * The place to resume from: a cursor of `GET /v1/sync`, taken before the chats were listed, or
   * `cursor` of an earlier connection.
   */
  since?: string;
  /** Receives each event, in the order in which they come. */
  onEvent: (event: ServerEvent) => void;
  onState?: (state: LiveState) => void;
  /**
   * Told when changes are missing for now, since the server's database does not answer, and when
   * they are not any more.
   */
  onPartial?: (isPartial: boolean) => void;
  /** A WebSocket in the place of the global one, as Node.js before 22 needs. */
  WebSocket?: new (
    url: string,
  ) => WebSocketLike;
}

/** The part of a WebSocket that is used. */
export interface WebSocketLike {
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

/** A command without the name of its answer, which `say` gives. */
type Unnamed<T> = T extends unknown ? Omit<T, "ref"> : never;
type Answer = { resolve: (ack: Schemas["Ack"]) => void; reject: (error: Error) => void };

const LOG_IN_AGAIN = 4401;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;
/** The time between two questions for changes that the server could not read. */
const PARTIAL_WAIT_MS = 5_000;
/** The time within which the server says hello. */
const HELLO_MS = 20_000;
/** The time within which it answers a question whether it is still there. */
const PROBE_MS = 4_000;
/** The time between two looks at the clock, and the delay of one that tells of a sleep. */
const TICK_MS = 4_000;
const SLEEP_MS = 8_000;

export class Live {
  /** The place up to which all events have come: keep it, to resume after a reload. */
  cursor: string | undefined;
  /** The socket on which the server has said hello. */
  #socket: WebSocketLike | undefined;
  /** The latest socket. */
  #connecting: WebSocketLike | undefined;
  #attempt = 0;
  #retryTimer: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  readonly #stopWatching: () => void;
  #nextWait = FIRST_WAIT_MS;
  #silenceTimer: ReturnType<typeof setTimeout> | undefined;
  #longestSilence = 60_000;
  #reconnectAfter: number | undefined;
  #isCatchingUp = false;
  #isPartial = false;
  /** The number of connections in a row that were refused for their session. */
  #refusals = 0;
  #refs = 0;
  readonly #answers = new Map<string, Answer>();

  constructor(
    private readonly carrier: Carrier,
    private readonly options: LiveOptions,
  ) {
    this.cursor = options.since;
    this.#stopWatching = watchAwakening(
      () => this.probe(),
      () => this.reconnect(),
    );
    void this.#connect();
  }

  /**
   * Sends a command. Returns the answer, or throws the problem. A command that is under way when
   * the connection ends fails: a message is better sent with `Carrier.send`.
   */
  say(command: Unnamed<ClientCommand>): Promise<Schemas["Ack"]> {
    const ref = String(++this.#refs);
    return new Promise((resolve, reject) => {
      if (this.#socket === undefined) return reject(new Error("not connected"));
      this.#answers.set(ref, { resolve, reject });
      this.#socket.send(json({ ...command, ref }));
    });
  }

  /** Connects anew at once, as when the network is back. */
  reconnect(): void {
    this.#nextWait = FIRST_WAIT_MS;
    clearTimeout(this.#retryTimer);
    this.#retryTimer = undefined;
    this.#drop(); // a connection that stood before is dead
    void this.#connect();
  }

  /**
   * Asks the server whether the connection stands, and connects anew when there is no answer within
   * a few seconds. It is asked by itself when a page is shown again or the machine wakes up: a
   * connection that died in a sleep tells nobody.
   */
  probe(): void {
    if (this.#isClosed) return;
    if (this.#retryTimer !== undefined) this.reconnect();
    if (this.#socket === undefined) return; // it is connecting, which has a limit
    this.#socket.send(JSON.stringify({ type: "ping" }));
    this.#listen(PROBE_MS);
  }

  /** Ends the connection for good. */
  close(): void {
    this.#isClosed = true;
    this.#stopWatching();
    clearTimeout(this.#retryTimer);
    this.#drop();
  }

  async #connect(): Promise<void> {
    if (this.#isClosed) return;
    const attempt = ++this.#attempt;
    const renewals = await this.carrier.renewals();
    // Another attempt may have begun meanwhile.
    const isOver = () => this.#isClosed || attempt !== this.#attempt;
    try {
      const query = new URLSearchParams();
      if (this.cursor !== undefined) query.set("since", this.cursor);
      // A page of the server's own origin has its cookie; others show their token by a ticket.
      if ((await this.carrier.currentToken()) !== undefined)
        query.set("ticket", value(await this.carrier.api.POST("/events/tickets")).ticket);
      if (isOver()) return;
      const Socket =
        this.options.WebSocket ??
        (globalThis.WebSocket as unknown as NonNullable<LiveOptions["WebSocket"]>);
      const socket = new Socket(`${this.carrier.socketUrl}?${query}`);
      this.#connecting = socket;
      socket.onmessage = ({ data }) =>
        void this.#take(socket, JSON.parse(String(data)) as ServerEvent);
      socket.onclose = ({ code }) => {
        if (this.#isClosed) return;
        this.#forget();
        // A ticket may be lost or late, and a session end before the next token: only one who is
        // refused again is out.
        if (code === LOG_IN_AGAIN && ++this.#refusals > 1) void this.#endSession(renewals);
        else if (code === LOG_IN_AGAIN) void this.#connect();
        else this.#reconnectLater();
      };
      socket.onerror = () => undefined; // a close follows
      this.#listen(HELLO_MS);
    } catch (error) {
      if (isOver()) return;
      if (error instanceof CarrierError && error.problem.status === 401)
        void this.#endSession(renewals);
      else this.#reconnectLater();
    }
  }

  async #take(socket: WebSocketLike, event: ServerEvent): Promise<void> {
    this.#listen();
    switch (event.type) {
      case "hello":
        this.#socket = socket;
        this.#refusals = 0;
        this.#nextWait = FIRST_WAIT_MS;
        this.#longestSilence = event.heartbeat_ms * 2.5;
        this.options.onState?.("online");
        this.cursor ??= event.cursor;
        this.#tellPartial(event.partial);
        if (!event.resumed && !this.#isCatchingUp) await this.#catchUp(socket);
        break;
      case "heartbeat":
        // Until it has caught up, a heartbeat's cursor is ahead of it.
        if (this.#isCatchingUp) break;
        this.cursor = event.cursor;
        this.#tellPartial(event.partial);
        break;
      case "ack":
        this.#answered(event.ref)?.resolve(event);
        break;
      case "error":
        this.#answered(event.ref)?.reject(new CarrierError(event.problem));
        break;
      case "reconnect":
        this.#reconnectAfter = event.after_ms;
        break;
    }
    this.options.onEvent(event);
  }

  /** Fetches the changes when they are too many to be sent on the connection. */
  async #catchUp(socket: WebSocketLike): Promise<void> {
    this.#isCatchingUp = true;
    try {
      for (let more = true; more && socket === this.#connecting && this.cursor !== undefined; ) {
        const page = value(
          await this.carrier.api.GET("/sync", { params: { query: { since: this.cursor } } }),
        );
        for (const change of page.changes) this.options.onEvent(change);
        this.cursor = page.cursor;
        this.#tellPartial(page.partial);
        // The server's database is away: what was missing is asked for again, from the same place.
        const again = page.partial && !page.more;
        if (again) await new Promise((resolve) => setTimeout(resolve, PARTIAL_WAIT_MS));
        more = page.more || again;
      }
      if (socket === this.#connecting) this.#isCatchingUp = false;
    } catch {
      if (socket !== this.#connecting) return;
      this.#drop(); // and resumes from the cursor
      this.#reconnectLater();
    }
  }

  #tellPartial(isPartial: boolean): void {
    if (isPartial === this.#isPartial) return;
    this.#isPartial = isPartial;
    this.options.onPartial?.(isPartial);
  }

  /** Waits for the next event: a connection on which none comes for too long is dead. */
  #listen(longest = this.#longestSilence): void {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = setTimeout(() => {
      this.#drop();
      this.#reconnectLater();
    }, longest);
  }

  /**
   * Stops listening to the latest connection. Without a network a browser would take a minute to
   * close it.
   */
  #drop(): void {
    const socket = this.#connecting;
    this.#forget();
    if (socket === undefined) return;
    socket.onmessage = null;
    socket.onclose = null;
    socket.close();
  }

  #answered(ref: string | undefined): Answer | undefined {
    const answer = this.#answers.get(ref ?? "");
    this.#answers.delete(ref ?? "");
    return answer;
  }

  #forget(): void {
    clearTimeout(this.#silenceTimer);
    this.#socket = undefined;
    this.#connecting = undefined;
    this.#isCatchingUp = false;
    for (const { reject } of this.#answers.values()) reject(new Error("the connection ended"));
    this.#answers.clear();
  }

  /** Ends, unless another session has taken the place of the one that has ended. */
  async #endSession(renewals: number): Promise<void> {
    if ((await this.carrier.renewals()) !== renewals) return this.reconnect();
    this.#isClosed = true;
    this.#stopWatching();
    this.options.onState?.("ended");
  }

  #reconnectLater(): void {
    this.options.onState?.("offline");
    // Not all who were cut off together come back together.
    const wait = this.#reconnectAfter ?? this.#nextWait * (0.5 + Math.random() / 2);
    this.#reconnectAfter = undefined;
    this.#nextWait = Math.min(this.#nextWait * 2, LONGEST_WAIT_MS);
    this.#retryTimer = setTimeout(() => {
      this.#retryTimer = undefined;
      void this.#connect();
    }, wait);
  }
}

/**
 * Calls `onAwake` when a page is shown again, or the clock tells that the machine slept, and
 * `onOnline` when the network is back. Returns how to stop.
 */
function watchAwakening(onAwake: () => void, onOnline: () => void): () => void {
  const stop = new AbortController();
  const { signal } = stop;
  const page = globalThis.document as Document | undefined;
  const onVisible = () => {
    if (page?.visibilityState !== "hidden") onAwake();
  };
  let last = Date.now();
  const timer = setInterval(() => {
    const isLate = Date.now() - last > TICK_MS + SLEEP_MS;
    last = Date.now();
    if (isLate) onVisible(); // a page that is hidden has slow timers
  }, TICK_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
  page?.addEventListener("visibilitychange", onVisible, { signal });
  if (page !== undefined) {
    globalThis.addEventListener("pageshow", onVisible, { signal });
    globalThis.addEventListener("online", onOnline, { signal });
  }
  return () => stop.abort();
}
