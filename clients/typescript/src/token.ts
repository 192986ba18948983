/** Tokens of the product's own identity provider, which end soon and are asked for again. */

import { serverNow } from "./clock.js";

/** Returns a token that is good: that of the session which the user has with the product. */
export type AskForToken = () => Promise<string>;

/** The time before its end, in ms, from which on another token is asked for. */
const MARGIN_MS = 60_000;
/** The time for which nothing is asked again, however near the end is. */
const PAUSE_MS = 5_000;

/** A token, asked for once for all who wait for it. */
export class TokenSource {
  #token: string | undefined;
  /** From when on, by the server's clock, another is asked for; unknown for what is no JWT. */
  #renewAt = Number.POSITIVE_INFINITY;
  #askedAt = Number.NEGATIVE_INFINITY;
  #asking: Promise<string> | undefined;

  constructor(private readonly ask: AskForToken) {}

  /** Returns a token that will do for a while. */
  async get(): Promise<string> {
    const isFresh = serverNow() < this.#renewAt || Date.now() < this.#askedAt + PAUSE_MS;
    if (this.#token !== undefined && isFresh) return this.#token;
    this.#asking ??= this.#askAnew().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Forgets a token that the server has refused, unless there is another one already. */
  refuse(token: string): void {
    if (this.#token === token) this.#token = undefined;
  }

  async #askAnew(): Promise<string> {
    const token = await this.ask();
    this.#token = token;
    this.#askedAt = Date.now();
    this.#renewAt = renewalOf(token);
    return token;
  }
}

/** Returns when a token is to be replaced, in ms since 1970: some time before it ends. */
function renewalOf(token: string): number {
  const { exp, iat } = claimsOf(token);
  if (typeof exp !== "number") return Number.POSITIVE_INFINITY;
  const life = typeof iat === "number" ? exp - iat : Number.POSITIVE_INFINITY;
  return exp * 1000 - Math.min(MARGIN_MS, life * 500);
}

/** Returns what a JWT says; nothing for what is none. */
function claimsOf(token: string): { exp?: unknown; iat?: unknown } {
  try {
    const [, claims = ""] = token.split(".");
    const read: unknown = JSON.parse(atob(claims.replaceAll("-", "+").replaceAll("_", "/")));
    return typeof read === "object" && read !== null ? read : {};
  } catch {
    return {};
  }
}
