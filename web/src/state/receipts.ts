/** Tells the others how far I have received and read: at most once a second, and only forward. */

import { CarrierError, value } from "@carrier/client";

import { api } from "../carrier";
import { onMessage } from "./events";
import { changeChat, world } from "./world";

const EVERY_MS = 700;

type Marks = { read?: number; delivered?: number };
let waiting = new Map<string, Marks>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** I have seen all up to this message. */
export function read(chat: string, id: number): void {
  const there = world().chats[chat];
  if (there === undefined || there.my.read >= id) return;
  changeChat(chat, (chat) => ({ ...chat, my: { ...chat.my, read: id }, unread_count: 0, unread_mentions: 0 }));
  mark(chat, { read: id });
}

function mark(chat: string, marks: Marks): void {
  waiting.set(chat, { ...waiting.get(chat), ...marks });
  timer ??= setTimeout(() => void tell(), EVERY_MS);
}

async function tell(): Promise<void> {
  const marks = waiting;
  waiting = new Map();
  timer = undefined;
  try {
    const items = [...marks].map(([chat_id, mark]) => ({ chat_id, ...mark }));
    for (let at = 0; at < items.length; at += 100) value(await api.PUT("/receipts", { body: { items: items.slice(at, at + 100) } }));
  } catch (error) {
    if (error instanceof CarrierError && error.problem.status < 429) return; // again would be refused again
    // The network is gone: again with what is read next, or when it is back.
    for (const [chat, mark] of marks) waiting.set(chat, { ...mark, ...waiting.get(chat) });
    timer ??= setTimeout(() => void tell(), 5 * EVERY_MS);
  }
}

/** Begins to tell what is delivered; call what it returns when somebody logs out. */
export function openReceipts(): () => void {
  const { me, chats } = world();
  for (const chat of Object.values(chats)) {
    const last = chat.last_message;
    if (last !== undefined && last.sender_id !== me?.id && last.id > chat.my.delivered) mark(chat.id, { delivered: last.id });
  }
  const close = onMessage((message) => {
    if (message.sender_id !== world().me?.id) mark(message.chat_id, { delivered: message.id });
  });
  return () => {
    close();
    clearTimeout(timer);
    timer = undefined;
    waiting = new Map();
  };
}
