/** Rows of a small world, as the tests know them. */

import type { Chat, Message, ServerEvent } from "@carrier/client";

import { EMPTY_WORLD, type Member, type Profile, type World } from "../src/state/world";

export const ME = "me";
export const CHAT = "chat";
/** The time of the tests, in milliseconds. */
export const NOW = 1_795_000_000_000;

export const profile = (id: string, more: Partial<Profile> = {}): Profile => ({
  id,
  username: id.toLowerCase(),
  display_name: id,
  created_at: "2026-01-01T00:00:00.000Z",
  ...more,
});

export const member = (user_id: string, more: Partial<Member> = {}): Member => ({
  user_id,
  role: "member",
  read: 0,
  delivered: 0,
  joined_at: "2026-01-01T00:00:00.000Z",
  ...more,
});

/** A message whose revision is its id, until it is changed. */
export const message = (id: number, more: Partial<Message> = {}): Message => ({
  id,
  seq: id,
  rev: id,
  chat_id: CHAT,
  sender_id: "Bob",
  kind: "text",
  created_at: new Date(NOW + id).toISOString(),
  body: `message ${id}`,
  ...more,
});

export const chat = (more: Partial<Chat> = {}): Chat => ({
  id: CHAT,
  kind: "direct",
  clock: 0,
  created_at: "2026-01-01T00:00:00.000Z",
  members: [member(ME), member("Bob")],
  member_count: 2,
  my: { role: "member", read: 0, delivered: 0 },
  others: { read_min: 0, delivered_min: 0 },
  peer: profile("Bob"),
  pinned_ids: [],
  preferences: { archived: false, pinned: false, marked_unread: false },
  saved: 0,
  unread_count: 0,
  unread_mentions: 0,
  ...more,
});

export const world = (chats: Chat[] = [], more: Partial<World> = {}): World => ({
  ...EMPTY_WORLD,
  me: { ...profile(ME), email: "me@example.org", found_by_email: false },
  chats: Object.fromEntries(chats.map((one) => [one.id, one])),
  ...more,
});

/** The event of a new message. */
export const created = (row: Message): ServerEvent => ({
  type: "message.created",
  chat_id: row.chat_id,
  clock: row.rev,
  message: row,
});

export const updated = (row: Message): ServerEvent => ({
  type: "message.updated",
  chat_id: row.chat_id,
  clock: row.rev,
  message: row,
});

/** The browser's storage, in memory. */
export class MemoryStorage {
  [key: string]: unknown;

  getItem(key: string): string | null {
    return Object.hasOwn(this, key) ? String(this[key]) : null;
  }

  setItem(key: string, text: string): void {
    this[key] = text;
  }

  removeItem(key: string): void {
    delete this[key];
  }
}

/** Numbers from 0 to 1 that are the same in each run, from a seed (mulberry32). */
export function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
