/** What the server tells changes the world. Rows are taken by their `rev`, so anything may come twice, or late. */

import type { Chat, Message, ServerEvent } from "@carrier/client";

import { changeHistory } from "./history";
import { fetchChat, lookUpSoon } from "./lookup";
import { needPeople, putPeople } from "./people";
import { renew, take, without } from "./window";
import { type Member, change, changeChat, putChat, world } from "./world";

/** Told of each message that is new, after it was taken. */
type Listener = (message: Message) => void;
const listeners = new Set<Listener>();

export function onMessage(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** New messages of chats that are not known yet: a chat's messages may be told before the chat. */
const early = new Map<string, Message[]>();

export function apply(event: ServerEvent): void {
  switch (event.type) {
    case "message.created":
      return created(event.message, event.clock);
    case "message.updated":
      return renewMessage(event.message, event.clock);
    case "reaction":
      renewMessage(event.message, event.clock);
      if (event.user_id === world().me?.id) react(event.chat_id, event.message.id, event.emoji, event.added);
      return;
    case "message.removed":
      return changeHistory(event.chat_id, (window) => without(window, event.message_ids, event.up_to));
    case "chat.created":
    case "chat.updated":
      return takeChat(event.chat);
    case "chat.removed":
      return change(({ chats: { [event.chat_id]: _chat, ...chats }, windows: { [event.chat_id]: _window, ...windows } }) => ({
        chats,
        windows,
      }));
    case "chat.saved":
      return changeChat(event.chat_id, (chat) => ({ ...chat, saved: Math.max(chat.saved, event.clock) }));
    case "member.updated":
      return changeMembers(event.chat_id, (members) => {
        const others = members.filter((member) => member.user_id !== event.user_id);
        return event.member === undefined ? others : [...others, event.member];
      });
    case "receipt.updated":
      return marked(event);
    case "me.updated":
      return change({ me: event.account });
    case "user.updated":
      change(({ people }) => ({ people: { ...people, [event.user.id]: event.user } }));
      return Object.values(world().chats)
        .filter((chat) => chat.peer?.id === event.user.id)
        .forEach((chat) => changeChat(chat.id, (chat) => ({ ...chat, peer: event.user })));
    case "typing":
      return typing(event.chat_id, event.user_id, event.expires_ms);
    case "presence":
      return change(({ presence }) => ({ presence: { ...presence, [event.user_id]: event } }));
  }
}

/** Looks up a chat that was not listed, as one that was hidden; false: it is not there, or not mine. */
export async function findChat(id: string): Promise<boolean> {
  const chat = await fetchChat(id);
  if (chat !== undefined) takeChat(chat, false);
  return chat !== undefined;
}

const lookUp = (id: string) => lookUpSoon(id, (chat) => takeChat(chat, false));

/** A view that is older than what is known is not taken; what only a view tells, as how many are unread, is looked up then. */
function takeChat(chat: Chat, looksUp = true): void {
  if (chat.peer !== undefined) putPeople([chat.peer]);
  if (!putChat(chat)) return looksUp ? lookUp(chat.id) : undefined;
  const told = early.get(chat.id) ?? [];
  early.delete(chat.id);
  const unread = told.filter((message) => message.id > chat.my.read);
  unread.forEach((message) => listeners.forEach((listener) => listener(message)));
}

function created(message: Message, clock: number): void {
  const { me, chats } = world();
  const chat = chats[message.chat_id];
  if (chat === undefined) {
    early.set(message.chat_id, [...(early.get(message.chat_id) ?? []), message]);
    return lookUp(message.chat_id);
  }
  const isNew = message.id > (chat.last_message?.id ?? 0);
  takeMessage(message, clock);
  // Whoever answers has read what was before.
  if (message.kind === "text" && message.sender_id !== me?.id) reached(message.chat_id, message.sender_id, message.id, message.id);
  if (!isNew) return;
  needPeople([message.sender_id]);
  typing(message.chat_id, message.sender_id, 0);
  const counts = message.kind === "text" && message.sender_id !== me?.id && message.id > chat.my.read;
  if (counts) {
    const mentions = message.mentions?.includes(me?.id ?? "") === true;
    changeChat(message.chat_id, (chat) => ({
      ...chat,
      unread_count: chat.unread_count + 1,
      unread_mentions: chat.unread_mentions + Number(mentions),
    }));
  }
  listeners.forEach((listener) => listener(message));
}

/** A new message, as an answer or an event tells it. */
export function takeMessage(message: Message, clock = message.rev): void {
  changeChat(message.chat_id, (chat) => ({
    ...chat,
    clock: Math.max(chat.clock, clock),
    last_message: isLater(message, chat.last_message) ? message : chat.last_message!,
  }));
  changeHistory(message.chat_id, (window) => take(window, message));
}

/** A message that has changed: it changes where it is shown, and appears nowhere else. */
export function renewMessage(message: Message, clock = message.rev): void {
  changeChat(message.chat_id, (chat) => ({
    ...chat,
    clock: Math.max(chat.clock, clock),
    ...(chat.last_message?.id === message.id && isLater(message, chat.last_message) && { last_message: message }),
  }));
  changeHistory(message.chat_id, (window) => renew(window, message));
}

function isLater(message: Message, than: Message | undefined): boolean {
  return than === undefined || message.id > than.id || (message.id === than.id && message.rev > than.rev);
}

export function react(chat: string, message: number, emoji: string, added: boolean): void {
  change(({ mine }) => {
    const there = mine[chat]?.[message] ?? [];
    const now = added ? [...new Set([...there, emoji])] : there.filter((other) => other !== emoji);
    return { mine: { ...mine, [chat]: { ...mine[chat], [message]: now } } };
  });
}

function marked(event: Extract<ServerEvent, { type: "receipt.updated" }>): void {
  const { chats, me } = world();
  const chat = chats[event.chat_id];
  if (chat === undefined) return;
  const set = (more: Partial<Chat>) => changeChat(chat.id, (now) => ({ ...now, ...more }));
  if (event.user_id === me?.id) {
    // What I have read since is on its way to the server.
    const isLate = event.read < chat.my.read;
    const unread = isLate ? chat.unread_count : (event.unread_count ?? chat.unread_count);
    const my = { ...chat.my, read: Math.max(chat.my.read, event.read), delivered: Math.max(chat.my.delivered, event.delivered) };
    return set({ my, unread_count: unread, unread_mentions: unread === 0 ? 0 : chat.unread_mentions });
  }
  reached(chat.id, event.user_id, event.read, event.delivered);
}

/** Somebody else has come this far. */
function reached(id: string, user: string, read: number, delivered: number): void {
  const { chats, members, me } = world();
  const chat = chats[id];
  if (chat === undefined) return;
  const set = (more: Partial<Chat>) => changeChat(id, (now) => ({ ...now, ...more }));
  if (chat.kind === "direct") {
    return set({ others: { read_min: Math.max(chat.others.read_min, read), delivered_min: Math.max(chat.others.delivered_min, delivered) } });
  }
  const further = (one: Member) => ({ ...one, read: Math.max(one.read, read), delivered: Math.max(one.delivered, delivered) });
  const on = (all: Member[]) => all.map((one) => (one.user_id === user ? further(one) : one));
  changeMembers(id, on);
  set({ members: on(chat.members) });
  // The marks of all the others are those of the one that is least far: whoever knows all of them can tell.
  const all = on(members[id] ?? chat.members);
  if (all.length < chat.member_count) return;
  const others = all.filter((one) => one.user_id !== me?.id);
  const least = (mark: "read" | "delivered") => Math.min(...others.map((one) => one[mark]));
  set({ others: { read_min: least("read"), delivered_min: least("delivered") } });
}

function changeMembers(chat: string, alter: (members: Member[]) => Member[]): void {
  change(({ members }) => {
    const there = members[chat];
    return there === undefined ? {} : { members: { ...members, [chat]: alter(there) } };
  });
}

function typing(chat: string, user: string, expiresMs: number): void {
  if (user === world().me?.id) return;
  const until = Date.now() + expiresMs;
  const set = (entry: number | undefined) =>
    change(({ typing }) => {
      const { [user]: _gone, ...others } = typing[chat] ?? {};
      return { typing: { ...typing, [chat]: entry === undefined ? others : { ...others, [user]: entry } } };
    });
  if (expiresMs <= 0) return world().typing[chat]?.[user] === undefined ? undefined : set(undefined);
  set(until);
  setTimeout(() => world().typing[chat]?.[user] === until && set(undefined), expiresMs);
}
