/** Chats in the world, and in the list. Pure functions. */

import type { Chat, Message } from "@carrier/client";

import type { World } from "./world";

/** Alters a chat, if it is known. */
export function withChat(world: World, id: string, alter: (chat: Chat) => Chat): World {
  const known = world.chats[id];
  return known === undefined ? world : { ...world, chats: { ...world.chats, [id]: alter(known) } };
}

/**
 * Takes a chat as the server sees it. Returns the same world when more has happened since than that
 * view tells.
 */
export function withView(world: World, chat: Chat): World {
  const known = world.chats[chat.id];
  if (known !== undefined && known.clock > chat.clock) return world;
  const saved = Math.max(chat.saved, known?.saved ?? 0);
  return { ...world, chats: { ...world.chats, [chat.id]: { ...chat, saved } } };
}

/** Forgets a chat that is not in the list any more. */
export function withoutChat(world: World, id: string): World {
  const { [id]: _chat, ...chats } = world.chats;
  const { [id]: _window, ...windows } = world.windows;
  return { ...world, chats, windows };
}

/** Returns the chats in the order of the list: pinned first, then by the latest message. */
export function inOrder(chats: Record<string, Chat>): Chat[] {
  const latest = (chat: Chat) => chat.last_message?.id ?? Date.parse(chat.created_at) * 1000;
  return Object.values(chats).sort(
    (a, b) => Number(b.preferences.pinned) - Number(a.preferences.pinned) || latest(b) - latest(a),
  );
}

export function isMuted(chat: Chat, now = Date.now()): boolean {
  const until = chat.preferences.muted_until;
  return until !== undefined && Date.parse(until) > now;
}

/** True when the chat is shown as unread. */
export function isUnread({ unread_count, preferences }: Chat): boolean {
  return unread_count > 0 || preferences.marked_unread;
}

/** The progress of a message of mine. */
export type DeliveryState = "sent" | "stored" | "delivered" | "read";

export function deliveryState(
  message: Message,
  others: Chat["others"],
  saved: number,
): DeliveryState {
  if (others.read_min >= message.id) return "read";
  if (others.delivered_min >= message.id) return "delivered";
  return saved >= message.id ? "stored" : "sent"; // a later reaction takes nothing back
}
