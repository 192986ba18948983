/**
 * Messages that are not acknowledged yet. They wait in the browser's storage under their `client_id`, so neither a reload nor an absence loses one, and one that
 * is sent again is there once. All tabs show them; one of them sends.
 */

import { type Message, type components, CarrierError, newKey, value } from "@carrier/client";
import { create } from "zustand";

import { api, reason } from "../carrier";
import { takeMessage } from "./events";
import { world } from "./world";

type NewMessage = components["schemas"]["NewMessage"];

export interface Waiting {
  chat: string;
  message: NewMessage & { client_id: string };
  /** When it was written, in milliseconds. */
  at: number;
  /** What it answers, to be shown. */
  reply?: Message["reply_to"];
  /** Why the server refused it; it is tried again when somebody says so. */
  refused?: string;
}

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 20_000;

export const useOutbox = create<{ waiting: Waiting[] }>(() => ({ waiting: [] }));

const key = () => `carrier.outbox.${world().me?.id ?? ""}.`;

/** What is stored is the truth: another tab may have changed it. */
function read(): Waiting[] {
  const mine = Object.keys(localStorage).filter((name) => name.startsWith(key()));
  const stored = mine.flatMap((name) => localStorage.getItem(name) ?? []);
  return stored.map((text) => JSON.parse(text) as Waiting).sort((a, b) => a.at - b.at);
}

/** Each has an entry of its own: to change a list of all could undo what another tab does at the same time. */
function keep(waiting: Waiting): void {
  localStorage.setItem(key() + waiting.message.client_id, JSON.stringify(waiting));
  refresh();
}

function refresh(): void {
  useOutbox.setState({ waiting: read() });
}

export function send(chat: string, message: NewMessage, reply?: Message["reply_to"]): void {
  const waiting: Waiting = { chat, message: { client_id: newKey(), ...message }, at: performance.timeOrigin + performance.now(), ...(reply && { reply }) };
  keep(waiting);
  void drain();
}

export function retry(id: string): void {
  const found = read().find((one) => one.message.client_id === id);
  if (found === undefined) return;
  const { refused: _, ...again } = found;
  keep(again);
  void drain();
}

export function discard(id: string): void {
  localStorage.removeItem(key() + id);
  refresh();
}

/** Nothing of mine is sent any more. */
export function forgetWaiting(): void {
  read().forEach((one) => discard(one.message.client_id));
}

/** Begins with what an earlier page left. */
export function openOutbox(): void {
  refresh();
  void drain();
  addEventListener("storage", (event) => event.key?.startsWith(key()) === true && refresh());
}

let draining = false;

/** Sends what waits, in its order, one tab at a time. */
export async function drain(): Promise<void> {
  if (draining) return;
  draining = true;
  const mine = key();
  try {
    await navigator.locks.request(mine, async () => {
      for (let wait = FIRST_WAIT_MS; key() === mine; ) {
        const next = read().find((one) => one.refused === undefined);
        if (next === undefined) return;
        if (await sent(next)) wait = FIRST_WAIT_MS;
        else {
          await pause(wait);
          wait = Math.min(wait * 2, LONGEST_WAIT_MS);
        }
      }
    });
  } finally {
    draining = false;
  }
  if (key() === mine && read().some((one) => one.refused === undefined)) void drain(); // it came while the lock was given back
}

/** False: try again later. */
async function sent(waiting: Waiting): Promise<boolean> {
  const { chat, message } = waiting;
  try {
    const { durability: _, ...row } = value(
      await api.POST("/chats/{chat_id}/messages", { params: { path: { chat_id: chat } }, body: message }),
    );
    takeMessage(row);
    discard(message.client_id);
    return true;
  } catch (error) {
    const status = error instanceof CarrierError ? error.problem.status : 0;
    if (status === 401) return false; // who logs in again sends it
    if (status < 400 || status === 429 || status >= 500) return false;
    keep({ ...waiting, refused: reason(error) });
    return true;
  }
}

let over: (() => void) | undefined;

/** Ends early when the server is there again. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => over?.(), ms);
    over = () => {
      clearTimeout(timer);
      over = undefined;
      resolve();
    };
  });
}

/** The server is there again: whoever waits for it waits no longer. */
export function wake(): void {
  over?.();
  void drain();
}
