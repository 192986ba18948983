/** A typed client of Carrier's API. Everything in `schema.d.ts` is made of the OpenAPI document; this file adds sessions, errors and files. */

import createClient, { type Client, type Middleware } from "openapi-fetch";
import { v7 } from "uuid";

import { Live, type LiveOptions } from "./live.js";
import type { components, paths } from "./schema.js";

type Schemas = components["schemas"];

export type { components, paths };
export { Live, type ClientCommand, type LiveOptions, type LiveState, type ServerEvent } from "./live.js";
export type Account = Schemas["Account"];
export type Attachment = Schemas["Attachment"];
export type Chat = Schemas["ChatView"];
export type Message = Schemas["Message"];
export type Problem = Schemas["Problem"];

/** What the API answers when it refuses: `problem.code` is a stable word. */
export class CarrierError extends Error {
  constructor(readonly problem: Problem) {
    super(`${problem.code}: ${problem.detail}`);
    this.name = "CarrierError";
  }
}

export interface Options {
  /** Where the server is, as `https://chat.example.org`; a page that it serves itself may leave it out. */
  baseUrl?: string;
  /** The token of a session; a page of the server's own origin has its cookie and needs none. */
  token?: string;
  /** False: the token of a login is not kept, as a page does that lives on its cookie, so that no script can find it. */
  keepsToken?: boolean;
  /** Another `fetch`. */
  fetch?: typeof fetch;
}

/** The API of a server. `api.GET("/chats")` and the like are those of openapi-fetch, with every path, parameter, body and answer typed. */
export class Carrier {
  readonly api: Client<paths>;
  /** Set by `login` and `register`. */
  token: string | undefined;
  readonly #base: string;
  readonly #fetch: typeof fetch;
  readonly #keepsToken: boolean;

  constructor(options: Options = {}) {
    this.token = options.token;
    this.#base = `${options.baseUrl ?? ""}/v1`;
    this.#keepsToken = options.keepsToken ?? true;
    this.#fetch = options.fetch ?? ((...request) => fetch(...request));
    this.api = createClient<paths>({ baseUrl: this.#base, fetch: this.#fetch });
    const authorize: Middleware = {
      onRequest: ({ request }) => {
        if (this.token !== undefined) request.headers.set("authorization", `Bearer ${this.token}`);
        return request;
      },
    };
    this.api.use(authorize);
  }

  /** Makes an account, and is in it from now on. */
  async register(body: Schemas["Register"]): Promise<Account> {
    return this.#opened(value(await this.api.POST("/auth/register", { body })));
  }

  /** Logs in with a username or an e-mail address; `device` is what the list of sessions calls it. */
  async login(login: string, password: string, device?: string): Promise<Account> {
    const body = { login, password, ...(device !== undefined && { device }) };
    return this.#opened(value(await this.api.POST("/auth/login", { body })));
  }

  #opened(opened: Schemas["Opened"]): Account {
    if (this.#keepsToken) this.token = opened.token;
    return opened.user;
  }

  /** Sends a message, and sends it again for as long as nobody answers: under its `client_id` it is there once. */
  async send(chat: string, message: Schemas["NewMessage"], tries = 3): Promise<Message> {
    const body = { client_id: newKey(), ...message };
    for (;;) {
      try {
        return value(await this.api.POST("/chats/{chat_id}/messages", { params: { path: { chat_id: chat } }, body }));
      } catch (error) {
        if (error instanceof CarrierError || --tries <= 0) throw error;
      }
    }
  }

  /** Is told everything that happens from now on, or since a cursor. */
  live(options: LiveOptions): Live {
    return new Live(this, options);
  }

  /** Where the WebSocket is. */
  get socketUrl(): string {
    const base = new URL(`${this.#base}/socket`, globalThis.location?.href);
    base.protocol = base.protocol.replace("http", "ws");
    return base.href;
  }

  /** Uploads a file to a chat; what it answers goes into `attachments` of a message. */
  async upload(chat: string, file: Blob, name: string): Promise<Attachment> {
    return this.#put("POST", `/chats/${encodeURIComponent(chat)}/attachments?name=${encodeURIComponent(name)}`, file);
  }

  /** Sets my picture. */
  async setAvatar(image: Blob): Promise<Account> {
    return this.#put("PUT", "/users/me/avatar", image);
  }

  /** Sets a group's picture. */
  async setChatAvatar(chat: string, image: Blob): Promise<Chat> {
    return this.#put("PUT", `/chats/${encodeURIComponent(chat)}/avatar`, image);
  }

  /** The bytes of a file of a message. */
  async download(chat: string, hash: string): Promise<Blob> {
    const path = `/chats/${encodeURIComponent(chat)}/attachments/${encodeURIComponent(hash)}`;
    return (await this.#raw(path, {})).blob();
  }

  async #put<T>(method: string, path: string, file: Blob): Promise<T> {
    const headers = { "content-type": file.type || "application/octet-stream" };
    return (await (await this.#raw(path, { method, body: file, headers })).json()) as T;
  }

  async #raw(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers(init.headers);
    if (this.token !== undefined) headers.set("authorization", `Bearer ${this.token}`);
    const response = await this.#fetch(this.#base + path, { ...init, headers });
    if (!response.ok) throw new CarrierError((await response.json()) as Problem);
    return response;
  }
}

/** A key for a message, under which it may be sent again for as long as it takes: it tells when it was made, so that the server knows where to look. */
export const newKey = (): string => v7();

/** The answer to a call of `api`, or its problem as an error. */
export function value<T>(answer: { data?: T; error?: unknown }): T {
  if (answer.error !== undefined) throw new CarrierError(answer.error as Problem);
  return answer.data as T;
}
