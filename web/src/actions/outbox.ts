/** Sends the messages of the outbox. */

import { CarrierError, type components, type Message, value } from "@carrier/client";

import { api } from "../client";
import { takeMessage } from "../state/events";
import {
  chatsToSend,
  failure,
  isPending,
  newPending,
  nextPending,
  nextWait,
  outboxPrefix,
  type PendingMessage,
  readOutbox,
  refreshOutbox,
  removePending,
  retryPending,
  storePending,
} from "../state/outbox";
import { reasonOf } from "../state/problems";
import { world } from "../state/world";
import { apply } from "./apply";

type NewMessage = components["schemas"]["NewMessage"];

const user = () => world().me?.id ?? "";

/** Sends a message, however long it takes. */
export function send(chat: string, message: NewMessage, reply?: Message["reply_to"]): void {
  const now = performance.timeOrigin + performance.now();
  storePending(user(), newPending(chat, message, reply, now));
  drain();
}

/** Sends a refused message once more. */
export function retry(id: string): void {
  if (retryPending(user(), id)) drain();
}

export function discard(id: string): void {
  removePending(user(), id);
}

/** Discards a refused message. Returns how to have it back, for as long as its writer is here. */
export function discardForNow(id: string): () => void {
  const sender = user();
  const known = readOutbox(sender).find(({ message }) => message.client_id === id);
  discard(id);
  return () => {
    if (known !== undefined && user() === sender) storePending(sender, known);
  };
}

/** Discards all that is not sent yet. */
export function discardAll(): void {
  for (const { message } of readOutbox(user())) discard(message.client_id);
}

/** Begins with what an earlier page left. */
export function openOutbox(): void {
  refreshOutbox(user());
  drain();
  addEventListener("storage", ({ key, newValue }) => {
    if (key?.startsWith(outboxPrefix(user())) !== true) return;
    refreshOutbox(user());
    if (newValue !== null) drain(); // the tab that wrote it may be closed by now
  });
}

/** The chats whose messages this tab is sending. */
const draining = new Set<string>();

/**
 * Sends what is pending. Each chat goes on by itself: a message that gets no answer holds up only
 * those that were written after it in the same chat.
 */
export function drain(): void {
  for (const chat of chatsToSend(user())) void drainChat(chat);
}

/** Sends the messages of a chat, in their order. */
async function drainChat(chat: string): Promise<void> {
  if (draining.has(chat)) return;
  draining.add(chat);
  const sender = user();
  let wait: number | undefined;
  let busySince: number | undefined;
  try {
    while (user() === sender) {
      const isStuck = performance.now() - (busySince ?? Number.POSITIVE_INFINITY) > LONGEST_TURN_MS;
      const turn = outboxPrefix(sender) + chat;
      const outcome = await inTurn(turn, isStuck, () => sendNext(sender, chat));
      if (outcome === "empty") break;
      busySince = outcome === "busy" ? (busySince ?? performance.now()) : undefined;
      wait = outcome === "failed" ? nextWait(wait) : undefined;
      if (outcome !== "sent") await pause(wait ?? BUSY_MS);
    }
  } finally {
    draining.delete(chat);
  }
  // Another message may have come just then.
  if (user() === sender && nextPending(sender, chat) !== undefined) void drainChat(chat);
}

/** The longest time that a tab has its turn: its request has ended before. */
const LONGEST_TURN_MS = 45_000;
/** The time between two looks whether another tab has ended its turn. */
const BUSY_MS = 2000;

/**
 * Does something in one tab at a time, for as long as one message takes; "busy" while another tab
 * has its turn, which sends what this one would. A tab that sleeps in its turn loses it to one that
 * `steals`: a message that two tabs send is there once.
 */
async function inTurn<T>(
  name: string,
  steals: boolean,
  act: () => Promise<T>,
): Promise<T | "busy" | "failed"> {
  // Over plain http there are no locks: what two tabs send is there once all the same.
  if (navigator.locks === undefined) return act();
  const how = steals ? { steal: true } : { ifAvailable: true };
  try {
    return await navigator.locks.request(name, how, (turn) => (turn === null ? "busy" : act()));
  } catch {
    return "failed"; // another tab took the turn
  }
}

/** Sends the next message of a chat. */
async function sendNext(sender: string, chat: string): Promise<"sent" | "failed" | "empty"> {
  const next = nextPending(sender, chat);
  if (next === undefined) return "empty";
  return (await isSettled(next)) ? "sent" : "failed";
}

/** Sends one. Returns false when it is to be sent again later. */
async function isSettled(pending: PendingMessage): Promise<boolean> {
  const { chat, message } = pending;
  try {
    const request = { params: { path: { chat_id: chat } }, body: message };
    const { durability: _, ...row } = value(await api.POST("/chats/{chat_id}/messages", request));
    discard(message.client_id);
    apply((now) => takeMessage(now, row));
    return true;
  } catch (error) {
    const status = error instanceof CarrierError ? error.problem.status : 0;
    if (failure(status) === "retry") return false;
    // Another tab that took the turn may have sent it, and removed it.
    if (isPending(user(), message.client_id))
      storePending(user(), { ...pending, refused: reasonOf(error) });
    return true;
  }
}

const pauses = new Set<() => void>();

/** Waits; less long when the server is back earlier. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      pauses.delete(end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    pauses.add(end);
  });
}

/** Sends at once what waits for the server, which is back. */
export function wakeOutbox(): void {
  for (const end of pauses) end();
  drain();
}
