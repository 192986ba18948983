/** Receipts: the marks of what I have received and read. Pure functions. */

import type { Chat, Message } from "@carrier/client";

import { withChat } from "./chats";
import { mentionsMe } from "./mention";
import { place } from "./window";
import type { World } from "./world";

export type Marks = { read?: number; delivered?: number };
export type Receipt = Marks & { chat_id: string };

/** What a message counts for while it is unread. */
interface Weight {
  unread: number;
  mentions: number;
}

export function weightOf(message: Message, { me }: World): Weight {
  const { sender_id, kind, deleted } = message;
  if (sender_id === me?.id || kind === "system" || deleted === true)
    return { unread: 0, mentions: 0 };
  return { unread: 1, mentions: Number(mentionsMe(message, me?.id)) };
}

/** Returns what the loaded messages count for that a new read mark makes read. */
export function weightBetween(world: World, { id, my }: Chat, read: number): Weight {
  const items = world.windows[id]?.items ?? [];
  const newlyRead = items.slice(place(items, my.read + 1), place(items, read + 1));
  return newlyRead.reduce(
    (sum, message) => {
      const { unread, mentions } = weightOf(message, world);
      return { unread: sum.unread + unread, mentions: sum.mentions + mentions };
    },
    { unread: 0, mentions: 0 },
  );
}

/** Marks all up to a message as read. Returns the same world when that is known already. */
export function withRead(world: World, chat: string, id: number): World {
  const known = world.chats[chat];
  if (known === undefined || known.my.read >= id) return world;
  // The count is exact where the messages are loaded; the server's answer always is.
  const read = weightBetween(world, known, id);
  const unread = Math.max(0, known.unread_count - read.unread);
  const mentions = unread === 0 ? 0 : Math.max(0, known.unread_mentions - read.mentions);
  return withChat(world, chat, (now) => ({
    ...now,
    my: { ...now.my, read: id },
    unread_count: unread,
    unread_mentions: mentions,
    preferences: { ...now.preferences, marked_unread: false },
  }));
}

/** Shows a chat as read to its end. */
export function withAllRead(world: World, chat: string): World {
  return withChat(world, chat, (now) => ({ ...now, unread_count: 0, unread_mentions: 0 }));
}

/** Returns the receipts of messages that came while no page was open. */
export function undelivered(world: World): Receipt[] {
  return Object.values(world.chats).flatMap(({ id, last_message, my }: Chat) => {
    const isOthers = last_message !== undefined && last_message.sender_id !== world.me?.id;
    return isOthers && last_message.id > my.delivered
      ? [{ chat_id: id, delivered: last_message.id }]
      : [];
  });
}

/** Receipts that are not sent yet, one for each chat: later marks stand in the place of earlier. */
export class ReceiptQueue {
  #marks = new Map<string, Marks>();

  add({ chat_id, ...marks }: Receipt): void {
    this.#marks.set(chat_id, { ...this.#marks.get(chat_id), ...marks });
  }

  /** Puts receipts back that could not be sent; marks that were added meanwhile stay. */
  putBack(receipts: readonly Receipt[]): void {
    for (const { chat_id, ...marks } of receipts)
      this.#marks.set(chat_id, { ...marks, ...this.#marks.get(chat_id) });
  }

  /** Takes all of them out. */
  takeAll(): Receipt[] {
    const all = [...this.#marks].map(([chat_id, marks]) => ({ chat_id, ...marks }));
    this.#marks = new Map();
    return all;
  }
}

/** Cuts a list into pieces of at most `size`. */
export function inPieces<T>(items: readonly T[], size: number): T[][] {
  const count = Math.ceil(items.length / size);
  return Array.from({ length: count }, (_, at) => items.slice(at * size, (at + 1) * size));
}
