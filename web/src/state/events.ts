/**
 * Events of the server change the world: a pure reducer. Rows are taken by their `rev` and `clock`,
 * so any event may come twice, or late. Work that is not of the world itself (a timer, a request, a
 * notification) is returned as effects, which `actions/apply.ts` carries out.
 */

import type { Chat, Message, ServerEvent } from "@carrier/client";

import { withChat, withoutChat, withView } from "./chats";
import { withMyReaction, withWindowChange } from "./history";
import { withPeople } from "./people";
import { weightBetween, weightOf } from "./receipts";
import { place, type WindowChange } from "./window";
import type { Member, World } from "./world";

export type Effect =
  /** Fetch a chat soon, and take it with `takeChat`. */
  | { type: "lookUpChat"; chat_id: string }
  /** Load the profiles of people who are on screen soon. */
  | { type: "needPeople"; user_ids: string[] }
  /** Notify of a new message, and mark it as delivered. */
  | { type: "notifyMessage"; message: Message }
  /** End a typing with `endTyping`, after so many milliseconds. */
  | { type: "expireTyping"; chat_id: string; user_id: string; until: number; after_ms: number }
  /** Repeat a change on pages that are on their way, which may not have it. */
  | { type: "changeLoadingPages"; chat_id: string; change: WindowChange };

export interface Transition {
  world: World;
  effects: Effect[];
}

const only = (world: World): Transition => ({ world, effects: [] });

/** Returns the world after an event; `now` is the time, in milliseconds. */
export function reduce(world: World, event: ServerEvent, now: number): Transition {
  switch (event.type) {
    case "message.created":
      return createMessage(world, event.message, event.clock);
    case "message.updated":
      return reviseMessage(world, event.message, event.clock);
    case "reaction": {
      const renewed = reviseMessage(world, event.message, event.clock);
      if (event.user_id !== world.me?.id) return renewed;
      const { chat_id, message, emoji, added } = event;
      return {
        ...renewed,
        world: withMyReaction(renewed.world, chat_id, message.id, emoji, added),
      };
    }
    case "message.removed":
      return removeMessages(world, event);
    case "chat.created":
    case "chat.updated":
      return takeChat(world, event.chat, true);
    case "chat.removed":
      return only(withoutChat(world, event.chat_id));
    case "chat.saved": {
      const { clock } = event;
      const save = (chat: Chat) => ({ ...chat, saved: Math.max(chat.saved, clock) });
      return only(withChat(world, event.chat_id, save));
    }
    case "member.updated": {
      const { user_id, member } = event;
      return only(
        withMembers(world, event.chat_id, (members) => {
          const others = members.filter((one) => one.user_id !== user_id);
          return member === undefined ? others : [...others, member];
        }),
      );
    }
    case "receipt.updated":
      return only(takeReceipt(world, event));
    case "me.updated":
      return only({ ...world, me: event.account });
    case "user.updated": {
      const { user } = event;
      const chats = Object.values(world.chats).filter((chat) => chat.peer?.id === user.id);
      return only(
        chats.reduce(
          (next, { id }) => withChat(next, id, (chat) => ({ ...chat, peer: user })),
          withPeople(world, [user]),
        ),
      );
    }
    case "typing":
      return startTyping(world, event.chat_id, event.user_id, event.expires_ms, now);
    case "presence":
      return only({ ...world, presence: { ...world.presence, [event.user_id]: event } });
    default:
      return only(world);
  }
}

/**
 * Takes a view of a chat. An older view than what is known is not taken; only a view tells some
 * things, as the number of unread messages, so a new one is looked up then.
 */
export function takeChat(world: World, chat: Chat, looksUp: boolean): Transition {
  const withPeer = chat.peer === undefined ? world : withPeople(world, [chat.peer]);
  const taken = withView(withPeer, chat);
  if (taken === withPeer) {
    return { world: taken, effects: looksUp ? [{ type: "lookUpChat", chat_id: chat.id }] : [] };
  }
  const { [chat.id]: messages = [], ...early } = taken.early;
  const unread = messages.filter((message) => message.id > chat.my.read);
  return {
    world: messages.length === 0 ? taken : { ...taken, early },
    effects: unread.map((message) => ({ type: "notifyMessage", message })),
  };
}

function createMessage(world: World, message: Message, clock: number): Transition {
  const { me } = world;
  const { chat_id, sender_id } = message;
  const chat = world.chats[chat_id];
  if (chat === undefined) return keepEarly(world, message);
  const isNew = message.id > (chat.last_message?.id ?? 0);
  const isOthers = message.kind === "text" && sender_id !== me?.id;
  const taken = takeMessage(world, message, clock);
  let next = taken.world;
  // A member who answers has read what came before.
  if (isOthers) next = moveReceipt(next, chat_id, sender_id, message.id, message.id);
  if (!isNew) return { ...taken, world: next };
  next = stopTyping(next, chat_id, sender_id);
  if (isOthers && message.id > chat.my.read) {
    const { unread, mentions } = weightOf(message, world);
    next = withChat(next, chat_id, (known) => ({
      ...known,
      unread_count: known.unread_count + unread,
      unread_mentions: known.unread_mentions + mentions,
    }));
  }
  const effects: Effect[] = [
    ...taken.effects,
    { type: "needPeople", user_ids: [sender_id] },
    { type: "notifyMessage", message },
  ];
  return { world: next, effects };
}

/** Keeps a message until its chat is known. */
function keepEarly(world: World, message: Message): Transition {
  const { chat_id } = message;
  const others = (world.early[chat_id] ?? []).filter(({ id }) => id !== message.id);
  return {
    world: { ...world, early: { ...world.early, [chat_id]: [...others, message] } },
    effects: [{ type: "lookUpChat", chat_id }],
  };
}

function isLater(message: Message, than: Message | undefined): boolean {
  if (than === undefined) return true;
  return message.id > than.id || (message.id === than.id && message.rev > than.rev);
}

/** Changes the messages of a chat that are loaded, and those that are being loaded. */
export function changeMessages(world: World, chat_id: string, change: WindowChange): Transition {
  return {
    world: withWindowChange(world, chat_id, change),
    effects: [{ type: "changeLoadingPages", chat_id, change }],
  };
}

/** Takes a new message, as an answer or an event tells it. */
export function takeMessage(world: World, message: Message, clock = message.rev): Transition {
  const next = withChat(world, message.chat_id, (chat) => ({
    ...chat,
    clock: Math.max(chat.clock, clock),
    ...(isLater(message, chat.last_message) && { last_message: message }),
  }));
  return changeMessages(next, message.chat_id, { type: "take", message });
}

/** Renews a message where it is shown; it appears nowhere else. */
export function renewMessage(world: World, message: Message, clock = message.rev): Transition {
  const next = withChat(world, message.chat_id, (chat) => {
    const isLast = chat.last_message?.id === message.id && isLater(message, chat.last_message);
    return {
      ...chat,
      clock: Math.max(chat.clock, clock),
      ...(isLast && { last_message: message }),
    };
  });
  return changeMessages(next, message.chat_id, { type: "renew", message });
}

/** Returns a message as it is known so far. */
export function knownMessage(
  { windows, chats }: World,
  { chat_id, id }: Pick<Message, "chat_id" | "id">,
): Message | undefined {
  const items = windows[chat_id]?.items ?? [];
  const known = [items[place(items, id)], chats[chat_id]?.last_message];
  return known.flatMap((one) => (one?.id === id ? [one] : [])).sort((a, b) => b.rev - a.rev)[0];
}

/**
 * Renews a message, and counts what is unread as it is now: an edit may mention me, or not any
 * more, and a deletion leaves nothing to read. Where it is not known what was counted for the
 * message, the server is asked.
 */
function reviseMessage(world: World, message: Message, clock: number): Transition {
  const renewed = renewMessage(world, message, clock);
  const chat = world.chats[message.chat_id];
  const isOthers = message.kind === "text" && message.sender_id !== world.me?.id;
  if (chat === undefined || !isOthers || message.id <= chat.my.read) return renewed;
  const known = knownMessage(world, message);
  const before = known && weightOf(known, world);
  const after = weightOf(message, world);
  const isSame = before?.unread === after.unread && before.mentions === after.mentions;
  const isInNoView = clock > chat.clock;
  // An event that comes twice; one that came before its row was loaded has not been counted.
  const isRepeated = known?.rev === message.rev;
  if (isRepeated ? !isInNoView : isSame) return renewed;
  if (before !== undefined && known !== undefined && known.rev < message.rev && isInNoView) {
    const count = (now: number, change: number) => Math.max(0, now + change);
    const counted = withChat(renewed.world, chat.id, (now) => ({
      ...now,
      unread_count: count(now.unread_count, after.unread - before.unread),
      unread_mentions: count(now.unread_mentions, after.mentions - before.mentions),
    }));
    return { ...renewed, world: counted };
  }
  const isPlain = after.unread > 0 && after.mentions === 0 && chat.unread_mentions === 0;
  if (isPlain && (known === undefined || isRepeated)) return renewed;
  return {
    ...renewed,
    effects: [...renewed.effects, { type: "lookUpChat", chat_id: chat.id }],
  };
}

/** Takes messages out of my view; what I have not read of them, only the server counts. */
function removeMessages(
  world: World,
  event: Extract<ServerEvent, { type: "message.removed" }>,
): Transition {
  const { chat_id, message_ids, up_to } = event;
  const removed = changeMessages(world, chat_id, { type: "remove", message_ids, up_to });
  const chat = world.chats[chat_id];
  const newest = Math.max(up_to ?? 0, ...message_ids);
  if (chat === undefined || newest <= Math.min(chat.my.read, (chat.last_message?.id ?? 0) - 1))
    return removed;
  return { ...removed, effects: [...removed.effects, { type: "lookUpChat", chat_id }] };
}

function takeReceipt(
  world: World,
  event: Extract<ServerEvent, { type: "receipt.updated" }>,
): World {
  const { chat_id, user_id, read, delivered, unread_count } = event;
  if (user_id !== world.me?.id) return moveReceipt(world, chat_id, user_id, read, delivered);
  return withChat(world, chat_id, (chat) => {
    // A later mark of mine is on its way to the server.
    const isLate = read < chat.my.read;
    const unread = isLate ? chat.unread_count : (unread_count ?? chat.unread_count);
    const my = {
      ...chat.my,
      read: Math.max(chat.my.read, read),
      delivered: Math.max(chat.my.delivered, delivered),
    };
    const gone = weightBetween(world, chat, my.read).mentions;
    const mentions = unread === 0 ? 0 : Math.max(0, chat.unread_mentions - gone);
    return { ...chat, my, unread_count: unread, unread_mentions: mentions };
  });
}

/** Moves the marks of another member forward. */
function moveReceipt(
  world: World,
  id: string,
  user: string,
  read: number,
  delivered: number,
): World {
  const chat = world.chats[id];
  if (chat === undefined) return world;
  if (chat.kind === "direct") {
    const others = {
      read_min: Math.max(chat.others.read_min, read),
      delivered_min: Math.max(chat.others.delivered_min, delivered),
    };
    return withChat(world, id, (now) => ({ ...now, others }));
  }
  const move = (one: Member) => ({
    ...one,
    read: Math.max(one.read, read),
    delivered: Math.max(one.delivered, delivered),
  });
  const moveIn = (all: Member[]) => all.map((one) => (one.user_id === user ? move(one) : one));
  const moved = withChat(withMembers(world, id, moveIn), id, (now) => ({
    ...now,
    members: moveIn(now.members),
  }));
  // The others have all come as far as the least far of them: known once all members are.
  const all = moved.members[id] ?? moveIn(chat.members);
  if (all.length < chat.member_count) return moved;
  const others = all.filter((one) => one.user_id !== world.me?.id);
  const least = (mark: "read" | "delivered") => Math.min(...others.map((one) => one[mark]));
  const marks = { read_min: least("read"), delivered_min: least("delivered") };
  return withChat(moved, id, (now) => ({ ...now, others: marks }));
}

function withMembers(world: World, chat: string, alter: (members: Member[]) => Member[]): World {
  const known = world.members[chat];
  if (known === undefined) return world;
  return { ...world, members: { ...world.members, [chat]: alter(known) } };
}

function startTyping(
  world: World,
  chat_id: string,
  user_id: string,
  expiresMs: number,
  now: number,
): Transition {
  if (user_id === world.me?.id) return only(world);
  if (expiresMs <= 0) return only(stopTyping(world, chat_id, user_id));
  const until = now + expiresMs;
  const typing = { ...world.typing[chat_id], [user_id]: until };
  return {
    world: { ...world, typing: { ...world.typing, [chat_id]: typing } },
    effects: [{ type: "expireTyping", chat_id, user_id, until, after_ms: expiresMs }],
  };
}

function stopTyping(world: World, chat: string, user: string): World {
  if (world.typing[chat]?.[user] === undefined) return world;
  const { [user]: _, ...others } = world.typing[chat];
  return { ...world, typing: { ...world.typing, [chat]: others } };
}

/** Ends a typing, unless it was renewed since. */
export function endTyping(world: World, chat: string, user: string, until: number): World {
  return world.typing[chat]?.[user] === until ? stopTyping(world, chat, user) : world;
}
