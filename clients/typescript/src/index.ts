/**
 * A typed client of Carrier's API. `schema.d.ts` is generated from the OpenAPI document; this file
 * adds sessions, errors and files.
 */

import createClient, { type Client, type Middleware } from "openapi-fetch";

import { newKey, setClock } from "./clock.js";
import { json, query } from "./json.js";
import { Live, type LiveOptions } from "./live.js";
import { type Fetch, withPatience } from "./patience.js";
import type { components, paths } from "./schema.js";
import { type AskForToken, TokenSource } from "./token.js";

type Schemas = components["schemas"];

export {
  type ClientCommand,
  Live,
  type LiveOptions,
  type LiveState,
  type ServerEvent,
} from "./live.js";
export type { components, paths };
export { newKey };
export type Account = Schemas["Account"];
export type Attachment = Schemas["Attachment"];
export type Chat = Schemas["ChatView"];
export type Message = Schemas["Message"];
export type Problem = Schemas["Problem"];

/** An answer of the API that refuses: `problem.code` is a stable word. */
export class CarrierError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = "CarrierError";
  }
}

const PATIENCE_MS = 30_000;
/** The slowest line on which a file is sent: nobody tells how far it is. */
const SLOWEST_BYTES_PER_MS = 8;

export interface Options {
  /**
   * The address of the server, as `https://chat.example.org`; a page that it serves itself may
   * leave it out.
   */
  baseUrl?: string;
  /**
   * The token of a session; a page of the server's own origin has a cookie and needs none. Or a
   * function that returns a token of your own identity provider: it is called before the first
   * request, a minute before the token ends, and once more when the server refuses one.
   */
  token?: string | AskForToken;
  /**
   * False: the token of a login is not kept. A page that has the cookie does so, and no script can
   * find the token.
   */
  keepsToken?: boolean;
  /** A `fetch` in the place of the global one. */
  fetch?: typeof fetch;
  /**
   * The longest time in ms for which nothing comes before a request fails, 30 s if left out; the
   * sending of a file has more.
   */
  patience?: number;
}

/**
 * The API of a server. `api.GET("/chats")` and the like are those of openapi-fetch, with every
 * path, parameter, body and answer typed.
 */
export class Carrier {
  readonly api: Client<paths>;
  /** Set by `login` and `register`, and by each request if there is a function for it. */
  token: string | undefined;
  readonly #source: TokenSource | undefined;
  readonly #base: string;
  readonly #fetch: Fetch;
  readonly #keepsToken: boolean;
  /** The number of sessions that took the place of an earlier one. */
  #renewals = 0;
  #renewing: Promise<unknown> = Promise.resolve();

  constructor(options: Options = {}) {
    if (typeof options.token === "function") this.#source = new TokenSource(options.token);
    else this.token = options.token;
    this.#base = `${options.baseUrl ?? ""}/v1`;
    this.#keepsToken = options.keepsToken ?? true;
    const send = withPatience(
      options.fetch ?? ((...request) => fetch(...request)),
      options.patience ?? PATIENCE_MS,
    );
    const source = this.#source;
    this.#fetch = source === undefined ? send : withAnotherToken(send, source);
    this.api = createClient<paths>({
      baseUrl: this.#base,
      fetch: this.#fetch,
      bodySerializer: json,
      querySerializer: query,
    });
    const authorize: Middleware = {
      onRequest: async ({ request }) => {
        const token = await this.currentToken();
        if (token !== undefined) request.headers.set("authorization", `Bearer ${token}`);
        return request;
      },
      onResponse: ({ response }) => setClock(response.headers.get("date")),
    };
    this.api.use(authorize);
  }

  /** Returns the token of the next request; `undefined` for a page that has the cookie. */
  async currentToken(): Promise<string | undefined> {
    if (this.#source !== undefined) this.token = await this.#source.get();
    return this.token;
  }

  /** Makes an account, and logs in to it. */
  async register(body: Schemas["Register"]): Promise<Account> {
    return this.#opened(value(await this.api.POST("/auth/register", { body })));
  }

  /** Logs in with a username or an e-mail address; `device` is its name in the list of sessions. */
  async login(login: string, password: string, device?: string): Promise<Account> {
    const body = { login, password, ...(device !== undefined && { device }) };
    return this.#opened(value(await this.api.POST("/auth/login", { body })));
  }

  /**
   * Changes the account. A new username or e-mail address needs `current_password`; every session
   * ends, and this one goes on as another.
   */
  async changeAccount(body: Schemas["PatchAccount"]): Promise<Account> {
    const names = body.username !== undefined || body.email !== undefined;
    const change = async () => {
      const { token, ...account } = value(await this.api.PATCH("/users/me", { body }));
      if (token !== undefined && this.#keepsToken) this.token = token;
      return account;
    };
    return names ? this.#renew(change) : change();
  }

  /** Changes the password. Every session ends, and this one goes on as another. */
  async changePassword(body: Schemas["NewPassword"]): Promise<void> {
    await this.#renew(async () => {
      const opened = value(await this.api.PUT("/users/me/password", { body }));
      if (opened !== undefined && this.#keepsToken) this.token = opened.token;
    });
  }

  #renew<T>(change: () => Promise<T>): Promise<T> {
    const renewed = change().then((result) => {
      this.#renewals++;
      return result;
    });
    this.#renewing = renewed.catch(() => undefined);
    return renewed;
  }

  /** Waits for the session that is about to take the place of this one, if any; counts them. */
  async renewals(): Promise<number> {
    await this.#renewing;
    return this.#renewals;
  }

  #opened(opened: Schemas["Opened"]): Account {
    if (this.#keepsToken) this.token = opened.token;
    return opened.user;
  }

  /**
   * Sends a message, and retries while there is no answer: under its `client_id` it is stored once.
   */
  async send(chat: string, message: Schemas["NewMessage"], tries = 3): Promise<Message> {
    const body = { client_id: newKey(), ...message };
    for (;;) {
      try {
        return value(
          await this.api.POST("/chats/{chat_id}/messages", {
            params: { path: { chat_id: chat } },
            body,
          }),
        );
      } catch (error) {
        if (error instanceof CarrierError || --tries <= 0) throw error;
      }
    }
  }

  /** Connects, to receive all events from now on, or since a cursor. */
  live(options: LiveOptions): Live {
    return new Live(this, options);
  }

  /** The address of the WebSocket. */
  get socketUrl(): string {
    const base = new URL(`${this.#base}/socket`, globalThis.location?.href);
    base.protocol = base.protocol.replace("http", "ws");
    return base.href;
  }

  /** Uploads a file to a chat; the answer goes into `attachments` of a message. */
  async upload(chat: string, file: Blob, name: string): Promise<Attachment> {
    return this.#put(
      "POST",
      `/chats/${encodeURIComponent(chat)}/attachments?name=${encodeURIComponent(name)}`,
      file,
    );
  }

  /** Sets my picture. */
  async setAvatar(image: Blob): Promise<Account> {
    return this.#put("PUT", "/users/me/avatar", image);
  }

  /** Sets a group's picture. */
  async setChatAvatar(chat: string, image: Blob): Promise<Chat> {
    return this.#put("PUT", `/chats/${encodeURIComponent(chat)}/avatar`, image);
  }

  /** Downloads a file of a message. */
  async download(chat: string, hash: string): Promise<Blob> {
    const path = `/chats/${encodeURIComponent(chat)}/attachments/${encodeURIComponent(hash)}`;
    return (await this.#raw(path, {})).blob();
  }

  async #put<T>(method: string, path: string, file: Blob): Promise<T> {
    const headers = { "content-type": file.type || "application/octet-stream" };
    const more = file.size / SLOWEST_BYTES_PER_MS;
    return (await (await this.#raw(path, { method, body: file, headers }, more)).json()) as T;
  }

  async #raw(path: string, init: RequestInit, more = 0): Promise<Response> {
    const headers = new Headers(init.headers);
    const token = await this.currentToken();
    if (token !== undefined) headers.set("authorization", `Bearer ${token}`);
    const response = await this.#fetch(this.#base + path, { ...init, headers }, more);
    if (!response.ok) throw new CarrierError((await response.json()) as Problem);
    return response;
  }
}

/** Returns a `fetch` that tries once more, with another token, when one was refused. */
function withAnotherToken(send: Fetch, source: TokenSource): Fetch {
  return async (input, init, more) => {
    const spare = input instanceof Request ? input.clone() : input;
    const response = await send(input, init, more);
    if (response.status !== 401) return response;
    const headers = new Headers(init?.headers ?? (spare instanceof Request ? spare.headers : {}));
    const refused = headers.get("authorization")?.replace("Bearer ", "") ?? "";
    source.refuse(refused);
    const token = await source.get().catch(() => refused);
    if (token === refused) return response;
    await response.body?.cancel();
    headers.set("authorization", `Bearer ${token}`);
    return send(spare, { ...init, headers }, more);
  };
}

/** Returns the answer to a call of `api`; throws its problem as a `CarrierError`. */
export function value<T>(answer: { data?: T; error?: unknown; response: Response }): T {
  const { data, error, response } = answer;
  if (response.ok && error === undefined) return data as T;
  throw new CarrierError(isProblem(error) ? error : problemOf(response.status));
}

const isProblem = (error: unknown): error is Problem =>
  typeof error === "object" && error !== null && "code" in error && "status" in error;

/** The problem of an answer that is not Carrier's: of a proxy before it, as a rule. */
const problemOf = (status: number): Problem => ({
  type: "about:blank",
  title: "No answer of Carrier",
  status,
  code: "internal",
  detail: `The server cannot be reached: something before it answered with ${status}.`,
  request_id: "",
});
