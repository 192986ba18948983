/** What the server tells changes the world. Rows are taken by their `rev`, so anything may come twice, or late. */

import type { Message, ServerEvent } from "@carrier/client";

import { needPeople } from "./people";
import { take, without } from "./window";
import { type Member, change, changeChat, changeWindow, putChat, world } from "./world";

/** Told of each message that is new, after it was taken. */
type Listener = (message: Message) => void;
const listeners = new Set<Listener>();

export function onMessage(listener: Listener): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function apply(event: ServerEvent): void {
  switch (event.type) {
    case "message.created":
      return created(event.message, event.clock);
    case "message.updated":
      return takeMessage(event.message, event.clock);
    case "reaction":
      takeMessage(event.message, event.clock);
      if (event.user_id === world().me?.id) react(event.chat_id, event.message.id, event.emoji, event.added);
      return;
    case "message.removed":
      return changeWindow(event.chat_id, (window) => without(window, event.message_ids, event.up_to));
    case "chat.created":
    case "chat.updated":
      return putChat(event.chat);
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

function created(message: Message, clock: number): void {
  const { me, chats } = world();
  const chat = chats[message.chat_id];
  const isNew = chat !== undefined && message.id > (chat.last_message?.id ?? 0);
  takeMessage(message, clock);
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

/** A message as an answer or an event tells it. */
export function takeMessage(message: Message, clock = message.rev): void {
  changeChat(message.chat_id, (chat) => ({
    ...chat,
    clock: Math.max(chat.clock, clock),
    last_message: isLater(message, chat.last_message) ? message : chat.last_message!,
  }));
  changeWindow(message.chat_id, (window) => take(window, message));
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
  const isMe = event.user_id === world().me?.id;
  changeChat(event.chat_id, (chat) => {
    if (isMe) {
      const my = { ...chat.my, read: Math.max(chat.my.read, event.read), delivered: Math.max(chat.my.delivered, event.delivered) };
      const unread = event.unread_count ?? chat.unread_count;
      return { ...chat, my, unread_count: unread, unread_mentions: unread === 0 ? 0 : chat.unread_mentions };
    }
    // The marks of all the others are those of the one that is least far; with more than one other that is the server's to tell.
    if (chat.kind === "direct") return { ...chat, others: { read_min: event.read, delivered_min: event.delivered } };
    const on = (members: Member[]) =>
      members.map((member) => (member.user_id === event.user_id ? { ...member, read: event.read, delivered: event.delivered } : member));
    changeMembers(chat.id, on);
    const all = world().members[chat.id] ?? on(chat.members);
    if (all.length < chat.member_count) return chat;
    const others = all.filter((member) => member.user_id !== world().me?.id);
    const least = (mark: "read" | "delivered") => Math.min(...others.map((member) => member[mark]));
    return { ...chat, members: on(chat.members), others: { read_min: least("read"), delivered_min: least("delivered") } };
  });
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
