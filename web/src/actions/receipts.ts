/** Sends receipts of what I have received and read: at most once a second, and only forward. */

import { type Chat, value } from "@carrier/client";

import { api } from "../client";
import { isFinal } from "../state/problems";
import {
  inPieces,
  type Receipt,
  ReceiptQueue,
  undelivered,
  withAllRead,
  withRead,
} from "../state/receipts";
import { change, world } from "../state/world";
import { onMessage } from "./apply";
import { setPreferences } from "./chats";
import { limits } from "./limits";

const EVERY_MS = 700;
const RETRY_MS = 5 * EVERY_MS;

const queue = new ReceiptQueue();
let timer: ReturnType<typeof setTimeout> | undefined;

/** Marks all up to a message as read. */
export function markRead(chat: string, id: number): void {
  const before = world();
  const after = withRead(before, chat, id);
  if (after === before) return;
  change(after);
  add({ chat_id: chat, read: id });
}

/** Marks a whole chat as read. */
export function markAllRead(chat: Chat): void {
  if (chat.preferences.marked_unread) void setPreferences(chat, { marked_unread: false });
  if (chat.last_message !== undefined) markRead(chat.id, chat.last_message.id);
  change((now) => withAllRead(now, chat.id));
  void sendAll();
}

function add(receipt: Receipt): void {
  queue.add(receipt);
  timer ??= setTimeout(() => void sendAll(), EVERY_MS);
}

async function sendAll(): Promise<void> {
  const receipts = queue.takeAll();
  clearTimeout(timer);
  timer = undefined;
  try {
    for (const some of inPieces(receipts, limits().receipts)) await put(some);
  } catch {
    // The network is gone: they are sent with the next ones, or when it is back.
    queue.putBack(receipts);
    timer ??= setTimeout(() => void sendAll(), RETRY_MS);
  }
}

/**
 * Sends receipts. The server refuses all of them when I have left one of the chats: then each is
 * sent by itself.
 */
async function put(items: Receipt[]): Promise<void> {
  try {
    // Kept alive, so that a page that is closed still sends it.
    value(await api.PUT("/receipts", { body: { items }, keepalive: true }));
  } catch (error) {
    if (!isFinal(error)) throw error;
    if (items.length > 1) for (const one of items) await put([one]);
  }
}

/** Begins to send receipts of messages that are delivered. */
export function openReceipts(): void {
  undelivered(world()).forEach(add);
  addEventListener("pagehide", () => void sendAll());
  onMessage((message) => {
    if (message.sender_id === world().me?.id) return;
    add({ chat_id: message.chat_id, delivered: message.id });
  });
}
