/** The connection on which everything is told. It comes back by itself, and goes on from the last cursor: nothing is missed after any absence. */

import { type Carrier, CarrierError, value } from "./index.js";
import type { components } from "./schema.js";

type Schemas = components["schemas"];

/** What is told; `type` says what it is. Take rows by their `rev`. */
export type ServerEvent = Schemas["ServerEvent"];
/** What may be said. */
export type ClientCommand = Schemas["ClientCommand"];
/** `offline`: it comes back by itself. `ended`: the session has ended, log in again. */
export type LiveState = "online" | "offline" | "ended";

export interface LiveOptions {
  /** Where to go on: a cursor of `GET /v1/sync`, taken before the chats were listed, or `cursor` of an earlier connection. */
  since?: string;
  /** Told of everything, in the order in which it comes. */
  onEvent: (event: ServerEvent) => void;
  onState?: (state: LiveState) => void;
  /** Another WebSocket than the global one, as Node.js before 22 needs. */
  WebSocket?: new (url: string) => WebSocketLike;
}

/** As much of a WebSocket as is needed. */
export interface WebSocketLike {
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: ((event: { code: number }) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(): void;
}

/** A command without its answer's name, which is given by us. */
type Unnamed<T> = T extends unknown ? Omit<T, "ref"> : never;
type Answer = { resolve: (ack: Schemas["Ack"]) => void; reject: (error: Error) => void };

const LOG_IN_AGAIN = 4401;
const FIRST_WAIT_MS = 250;
const LONGEST_WAIT_MS = 15_000;

export class Live {
  /** All that happened up to here was told: keep it, to go on after a reload. */
  cursor: string | undefined;
  /** One that the server has said hello on. */
  #socket: WebSocketLike | undefined;
  /** The latest. */
  #connecting: WebSocketLike | undefined;
  #attempt = 0;
  #retry: ReturnType<typeof setTimeout> | undefined;
  #closed = false;
  #wait = FIRST_WAIT_MS;
  #silence: ReturnType<typeof setTimeout> | undefined;
  #silent = 60_000;
  #after: number | undefined;
  #catching = false;
  #refs = 0;
  readonly #answers = new Map<string, Answer>();

  constructor(
    private readonly carrier: Carrier,
    private readonly options: LiveOptions,
  ) {
    this.cursor = options.since;
    void this.#connect();
  }

  /** Says something; the answer, or the problem as an error. What was under way when the connection ended fails: a send is better made with `Carrier.send`. */
  say(command: Unnamed<ClientCommand>): Promise<Schemas["Ack"]> {
    const ref = String(++this.#refs);
    return new Promise((resolve, reject) => {
      if (this.#socket === undefined) return reject(new Error("not connected"));
      this.#answers.set(ref, { resolve, reject });
      this.#socket.send(JSON.stringify({ ...command, ref }));
    });
  }

  /** Connects anew at once, as when a network is there again. */
  reconnect(): void {
    this.#wait = FIRST_WAIT_MS;
    clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#drop(); // a connection that stood before is dead
    void this.#connect();
  }

  /** Ends it. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#drop();
  }

  async #connect(): Promise<void> {
    if (this.#closed) return;
    const attempt = ++this.#attempt;
    const isOver = () => this.#closed || attempt !== this.#attempt; // another has begun meanwhile
    try {
      const query = new URLSearchParams();
      if (this.cursor !== undefined) query.set("since", this.cursor);
      // A page of the server's own origin has its cookie; no other can show its token but by a ticket.
      if (this.carrier.token !== undefined) query.set("ticket", value(await this.carrier.api.POST("/events/tickets")).ticket);
      if (isOver()) return;
      const Socket = this.options.WebSocket ?? (globalThis.WebSocket as unknown as NonNullable<LiveOptions["WebSocket"]>);
      const socket = new Socket(`${this.carrier.socketUrl}?${query}`);
      this.#connecting = socket;
      socket.onmessage = ({ data }) => void this.#take(socket, JSON.parse(String(data)) as ServerEvent);
      socket.onclose = ({ code }) => {
        if (this.#closed) return;
        this.#end();
        if (code === LOG_IN_AGAIN) this.#over();
        else this.#later();
      };
      socket.onerror = () => undefined; // a close follows
      this.#listen();
    } catch (error) {
      if (isOver()) return;
      if (error instanceof CarrierError && error.problem.status === 401) this.#over();
      else this.#later();
    }
  }

  async #take(socket: WebSocketLike, event: ServerEvent): Promise<void> {
    this.#listen();
    switch (event.type) {
      case "hello":
        this.#socket = socket;
        this.#wait = FIRST_WAIT_MS;
        this.#silent = event.heartbeat_ms * 2.5;
        this.options.onState?.("online");
        this.cursor ??= event.cursor;
        if (!event.resumed) await this.#catchUp(socket);
        break;
      case "heartbeat":
        // Until it has caught up, a heartbeat's cursor is ahead of it.
        if (!this.#catching) this.cursor = event.cursor;
        break;
      case "ack":
        this.#answered(event.ref)?.resolve(event);
        break;
      case "error":
        this.#answered(event.ref)?.reject(new CarrierError(event.problem));
        break;
      case "reconnect":
        this.#after = event.after_ms;
        break;
    }
    this.options.onEvent(event);
  }

  /** Too much has changed to be sent on the connection. */
  async #catchUp(socket: WebSocketLike): Promise<void> {
    this.#catching = true;
    try {
      for (let more = true; more && socket === this.#connecting && this.cursor !== undefined; ) {
        const page = value(await this.carrier.api.GET("/sync", { params: { query: { since: this.cursor } } }));
        page.changes.forEach((change) => this.options.onEvent(change));
        this.cursor = page.cursor;
        more = page.more;
      }
      if (socket === this.#connecting) this.#catching = false;
    } catch {
      if (socket !== this.#connecting) return;
      this.#drop(); // and again from where we are
      this.#later();
    }
  }

  /** A connection on which nothing comes for too long is dead. */
  #listen(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#drop();
      this.#later();
    }, this.#silent);
  }

  /** Nothing is heard of the latest connection any more. To close one whose way is gone would take a browser a minute. */
  #drop(): void {
    const socket = this.#connecting;
    this.#end();
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

  #end(): void {
    clearTimeout(this.#silence);
    this.#socket = undefined;
    this.#connecting = undefined;
    this.#catching = false;
    for (const { reject } of this.#answers.values()) reject(new Error("the connection ended"));
    this.#answers.clear();
  }

  #over(): void {
    this.#closed = true;
    this.options.onState?.("ended");
  }

  #later(): void {
    this.options.onState?.("offline");
    // Not all who were cut off together come back together.
    const wait = this.#after ?? this.#wait * (0.5 + Math.random() / 2);
    this.#after = undefined;
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT_MS);
    this.#retry = setTimeout(() => {
      this.#retry = undefined;
      void this.#connect();
    }, wait);
  }
}
