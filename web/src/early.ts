/**
 * What the page asks for before its code is there: the answers come while that is loaded. This file
 * is loaded first of all, so it imports nothing that is large.
 */

import { chatAddress, FIRST_CHATS, firstMessages } from "./state/first-look";

/** The time after which an answer does not come any more, in milliseconds. */
const PATIENCE_MS = 20_000;

/** Answers that are on their way or there, by their address; each is taken once. */
const answers = new Map<string, Promise<Response>>();

function ask(path: string): Promise<Response> {
  const answer = fetch(`/v1${path}`, { signal: AbortSignal.timeout(PATIENCE_MS) });
  answer.catch(() => answers.delete(path)); // whoever needs it asks again
  answers.set(path, answer);
  return answer;
}

/** Asks for what the screen at an address shows first, if there is a session. */
export async function askEarly(address: Pick<Location, "pathname" | "search">): Promise<void> {
  const meta = await ask("/meta").then(
    (answer) => answer.clone().json() as Promise<{ session?: boolean }>,
  );
  if (meta.session !== true) return; // a refusal would stand in red in a visitor's console
  ask("/users/me").catch(() => undefined);
  ask("/sync").catch(() => undefined);
  const open = chatAddress(address);
  if (open !== undefined) {
    ask(`/chats/${open.chat}`).catch(() => undefined);
    ask(firstMessages(open)).catch(() => undefined);
  }
  ask(FIRST_CHATS).catch(() => undefined);
}

/** Returns the answer to a request that was asked for early; `undefined` if it was not. */
export function takeEarly(url: string, method: string): Promise<Response> | undefined {
  if (method !== "GET") return undefined;
  const { pathname, search } = new URL(url, location.href);
  const path = pathname.replace(/^\/v1/, "") + search;
  const answer = answers.get(path);
  answers.delete(path);
  return answer;
}

/** Forgets the answers that nobody took: from now on events tell what is newer. */
export function forgetEarly(): void {
  answers.clear();
}
