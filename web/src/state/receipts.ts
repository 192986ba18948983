/** Tells the others how far I have received and read: at most once a second, and only forward. */

import { type Chat, CarrierError, type Message, value } from "@carrier/client";

import { api } from "../carrier";
import { prefer } from "./acts";
import { onMessage } from "./events";
import { changeChat, world } from "./world";

const EVERY_MS = 700;
/** As many chats as the server takes in one request. */
const AT_ONCE = 100;

type Marks = { read?: number; delivered?: number };
let waiting = new Map<string, Marks>();
let timer: ReturnType<typeof setTimeout> | undefined;

/** I have seen all up to this message. */
export function read(chat: string, id: number): void {
  const there = world().chats[chat];
  if (there === undefined || there.my.read >= id) return;
  // Exact where the messages are loaded; the server's answer is always.
  const me = world().me?.id;
  const isMine = (message: Message) => message.sender_id === me || message.kind === "system";
  const now = world().windows[chat]?.items.filter((message) => message.id > there.my.read && message.id <= id && !isMine(message)) ?? [];
  const left = Math.max(0, there.unread_count - now.length);
  const mentions = now.filter((message) => message.mentions?.includes(me ?? "") === true).length;
  const unread = { unread_count: left, unread_mentions: left === 0 ? 0 : Math.max(0, there.unread_mentions - mentions) };
  const { preferences } = there;
  changeChat(chat, (chat) => ({ ...chat, my: { ...chat.my, read: id }, ...unread, preferences: { ...preferences, marked_unread: false } }));
  mark(chat, { read: id });
}

/** I have seen all of a chat, or say so. */
export function readAll(chat: Chat): void {
  if (chat.preferences.marked_unread) void prefer(chat, { marked_unread: false });
  if (chat.last_message !== undefined) read(chat.id, chat.last_message.id);
  changeChat(chat.id, (now) => ({ ...now, unread_count: 0, unread_mentions: 0 }));
  void tell();
}

function mark(chat: string, marks: Marks): void {
  waiting.set(chat, { ...waiting.get(chat), ...marks });
  timer ??= setTimeout(() => void tell(), EVERY_MS);
}

async function tell(): Promise<void> {
  const marks = waiting;
  waiting = new Map();
  clearTimeout(timer);
  timer = undefined;
  try {
    const items = [...marks].map(([chat_id, mark]) => ({ chat_id, ...mark }));
    for (let at = 0; at < items.length; at += AT_ONCE) await put(items.slice(at, at + AT_ONCE));
  } catch {
    // The network is gone: again with what is read next, or when it is back.
    for (const [chat, mark] of marks) waiting.set(chat, { ...mark, ...waiting.get(chat) });
    timer ??= setTimeout(() => void tell(), 5 * EVERY_MS);
  }
}

/** One chat that is not mine any more has the server refuse all of them: then each is told by itself. */
async function put(items: Array<Marks & { chat_id: string }>): Promise<void> {
  try {
    value(await api.PUT("/receipts", { body: { items }, keepalive: true })); // a page that is closed tells it still
  } catch (error) {
    if (!(error instanceof CarrierError) || error.problem.status >= 429) throw error;
    if (items.length > 1) for (const one of items) await put([one]);
  }
}

/** Begins to tell what is delivered. */
export function openReceipts(): void {
  const { me, chats } = world();
  for (const chat of Object.values(chats)) {
    const last = chat.last_message;
    if (last !== undefined && last.sender_id !== me?.id && last.id > chat.my.delivered) mark(chat.id, { delivered: last.id });
  }
  addEventListener("pagehide", () => void tell());
  onMessage((message) => {
    if (message.sender_id !== world().me?.id) mark(message.chat_id, { delivered: message.id });
  });
}
