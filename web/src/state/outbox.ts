/**
 * Messages that are not acknowledged yet. They stay in the browser's storage under their
 * `client_id`, so neither a reload nor an absence loses one, and one that is sent again is there
 * once. All tabs show them; one at a time sends those of a chat, in their order.
 */

import { type components, type Message, newKey } from "@carrier/client";
import { createStore } from "zustand/vanilla";

import { shared } from "./storage";

type NewMessage = components["schemas"]["NewMessage"];
type Reply = Message["reply_to"];

export interface PendingMessage {
  chat: string;
  message: NewMessage & { client_id: string };
  /** The time at which it was written, in milliseconds. */
  at: number;
  /** The message that it answers, to be shown. */
  reply?: Reply;
  /** The server's reason for a refusal; it is sent again only when its writer asks for that. */
  refused?: string;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;

export const outboxStore = createStore<{ pending: PendingMessage[] }>(() => ({ pending: [] }));

/** Returns what the keys of a user's messages begin with in the browser's storage. */
export const outboxPrefix = (user: string): string => `carrier.outbox.${user}.`;

/** Reads what is stored, oldest first. That is the truth: another tab may have changed it. */
export function readOutbox(user: string): PendingMessage[] {
  const keys = shared.keys().filter((key) => key.startsWith(outboxPrefix(user)));
  const stored = keys.flatMap((key) => shared.getItem(key) ?? []);
  return stored.map((text) => JSON.parse(text) as PendingMessage).sort((a, b) => a.at - b.at);
}

/** Shows what is stored. */
export function refreshOutbox(user: string): void {
  outboxStore.setState({ pending: readOutbox(user) });
}

/**
 * Stores a message. Each has an entry of its own: to change a list of all could undo what another
 * tab does at the same time.
 */
export function storePending(user: string, pending: PendingMessage): void {
  shared.setItem(outboxPrefix(user) + pending.message.client_id, JSON.stringify(pending));
  refreshOutbox(user);
}

/** True while a message is stored, here or by another tab. */
export const isPending = (user: string, id: string): boolean =>
  shared.getItem(outboxPrefix(user) + id) !== null;

export function removePending(user: string, id: string): void {
  shared.removeItem(outboxPrefix(user) + id);
  refreshOutbox(user);
}

export function newPending(
  chat: string,
  message: NewMessage,
  reply: Reply,
  at: number,
): PendingMessage {
  return { chat, message: { client_id: newKey(), ...message }, at, ...(reply && { reply }) };
}

/** Makes a refused message ready to be sent again. Returns false when there is none of this id. */
export function retryPending(user: string, id: string): boolean {
  const known = readOutbox(user).find((one) => one.message.client_id === id);
  if (known === undefined) return false;
  const { refused: _, ...ready } = known;
  storePending(user, ready);
  return true;
}

const isReady = (one: PendingMessage): boolean => one.refused === undefined;

/** Returns the message of a chat to send next; a refused one is passed over. */
export const nextPending = (user: string, chat: string): PendingMessage | undefined =>
  readOutbox(user).find((one) => one.chat === chat && isReady(one));

/** Returns the chats that have something to send. */
export const chatsToSend = (user: string): string[] => [
  ...new Set(
    readOutbox(user)
      .filter(isReady)
      .map((one) => one.chat),
  ),
];

/** Returns how long to wait before the next try, in milliseconds; the longer the more failed. */
export const nextWait = (wait: number | undefined): number =>
  wait === undefined ? FIRST_WAIT_MS : Math.min(wait * 2, LONGEST_WAIT_MS);

/** Answers of 4xx after which the same may be taken later; after 401, by the next login. */
const PASSING = [401, 408, 425, 429];

/** Tells from a failed call's status whether the message is sent again, or shown as refused. */
export function failure(status: number): "retry" | "refused" {
  return status >= 400 && status < 500 && !PASSING.includes(status) ? "refused" : "retry";
}
