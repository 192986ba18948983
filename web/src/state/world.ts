/** Everything the page knows, in one place: rows by id, changed only by `apply` (what is told) and by what was asked for. */

import type { Account, Chat, Message, components } from "@carrier/client";
import { create } from "zustand";

import type { Window } from "./window";

export type Profile = components["schemas"]["Profile"];
export type Member = components["schemas"]["MemberView"];
export type Presence = components["schemas"]["PresenceUpdated"];

export type Connection = "connecting" | "online" | "offline" | "ended";

export interface World {
  /** `undefined`: not known yet; `null`: nobody is logged in. */
  me: Account | null | undefined;
  connection: Connection;
  chats: Record<string, Chat>;
  /** All chats were listed. */
  listed: boolean;
  people: Record<string, Profile>;
  presence: Record<string, Presence>;
  /** All members of the groups that were looked at. */
  members: Record<string, Member[]>;
  windows: Record<string, Window>;
  /** My reactions, by message, by chat. */
  mine: Record<string, Record<number, string[]>>;
  /** Who is typing until when, by chat. */
  typing: Record<string, Record<string, number>>;
}

const nothing: World = {
  me: undefined,
  connection: "connecting",
  chats: {},
  listed: false,
  people: {},
  presence: {},
  members: {},
  windows: {},
  mine: {},
  typing: {},
};

export const useWorld = create<World>(() => nothing);

/** What is changed together, before anybody is shown it. */
let changed: World | undefined;

/** The present world; within `together`, as it is becoming. */
export const world = () => changed ?? useWorld.getState();

let isChanging = false;

export function change(part: Partial<World> | ((world: World) => Partial<World>)): void {
  if (isChanging) throw new Error("a change within a change would be lost");
  isChanging = true;
  const now = world();
  let next: World;
  try {
    next = { ...now, ...(typeof part === "function" ? part(now) : part) };
  } finally {
    isChanging = false;
  }
  if (changed === undefined) useWorld.setState(next, true);
  else changed = next;
}

/** Many changes, shown at once: a thousand events are drawn in one go. */
export function together(act: () => void): void {
  changed = useWorld.getState();
  try {
    act();
  } finally {
    const next = changed;
    changed = undefined;
    useWorld.setState(next, true);
  }
}

/** Who is at this page; only where somebody is. */
export function useMe(): Account {
  return useWorld((world) => world.me)!;
}

/** A chat as the server sees it; false: more has happened since than it knows. */
export function putChat(chat: Chat): boolean {
  const there = world().chats[chat.id];
  if (there !== undefined && there.clock > chat.clock) return false;
  change(({ chats }) => ({ chats: { ...chats, [chat.id]: { ...chat, saved: Math.max(chat.saved, there?.saved ?? 0) } } }));
  return true;
}

export function changeChat(id: string, alter: (chat: Chat) => Chat): void {
  change(({ chats }) => {
    const there = chats[id];
    return there === undefined ? {} : { chats: { ...chats, [id]: alter(there) } };
  });
}

export function changeWindow(id: string, alter: (window: Window) => Window): void {
  change(({ windows }) => {
    const there = windows[id];
    const now = there && alter(there);
    return now === undefined || now === there ? {} : { windows: { ...windows, [id]: now } };
  });
}

/** The chats of the list: pinned first, then by what happened last. */
export function inOrder(chats: Record<string, Chat>): Chat[] {
  const last = (chat: Chat) => chat.last_message?.id ?? Date.parse(chat.created_at) * 1000;
  return Object.values(chats).sort((a, b) => Number(b.preferences.pinned) - Number(a.preferences.pinned) || last(b) - last(a));
}

export function isMuted(chat: Chat): boolean {
  return chat.preferences.muted_until !== undefined && Date.parse(chat.preferences.muted_until) > Date.now();
}

/** Whether somebody has it before them as unread. */
export function isUnread({ unread_count, preferences }: Chat): boolean {
  return unread_count > 0 || preferences.marked_unread;
}

/** How far a message of mine has come. */
export type Reach = "sent" | "stored" | "delivered" | "read";

export function reach(message: Message, others: Chat["others"], saved: number): Reach {
  if (others.read_min >= message.id) return "read";
  if (others.delivered_min >= message.id) return "delivered";
  return saved >= message.rev ? "stored" : "sent";
}
