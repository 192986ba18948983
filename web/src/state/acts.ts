/** What somebody does to messages and chats. The answer is taken at once; the event that follows changes nothing more. */

import { notifications } from "@mantine/notifications";
import { type Chat, type Message, type components, value } from "@carrier/client";

import { api, reason } from "../carrier";
import { react, renewMessage } from "./events";
import { changeHistory } from "./history";
import { needPeople, putPeople } from "./people";
import { reacted, without } from "./window";
import { change, changeChat, putChat, world } from "./world";

/** Does something, and tells when it was refused. */
export async function attempt(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    notifications.show({ color: "red", message: reason(error) });
    return false;
  }
}

const of = ({ chat_id, id }: Message) => ({ path: { chat_id, message_id: id } });

/** It shows at once; the event that follows has the message with it. */
export async function toggleReaction(message: Message, emoji: string): Promise<void> {
  const added = world().mine[message.chat_id]?.[message.id]?.includes(emoji) !== true;
  const show = (on: boolean) => {
    react(message.chat_id, message.id, emoji, on);
    changeHistory(message.chat_id, (window) => reacted(window, message.id, emoji, world().me!.id, on));
  };
  show(added);
  const params = { path: { ...of(message).path, emoji } };
  const path = "/chats/{chat_id}/messages/{message_id}/reactions/{emoji}" as const;
  const done = await attempt(async () => value(added ? await api.PUT(path, { params }) : await api.DELETE(path, { params })));
  if (!done) show(!added);
}

export function editMessage(message: Message, body: string): Promise<boolean> {
  return attempt(async () =>
    renewMessage(value(await api.PATCH("/chats/{chat_id}/messages/{message_id}", { params: of(message), body: { body } }))),
  );
}

export function deleteMessage(message: Message, whose: "me" | "everyone"): Promise<boolean> {
  return attempt(async () => {
    value(await api.DELETE("/chats/{chat_id}/messages/{message_id}", { params: { ...of(message), query: { for: whose } } }));
    if (whose === "me") changeHistory(message.chat_id, (window) => without(window, [message.id], undefined));
  });
}

/** Opens the direct chat with somebody, or makes a group; its id. */
export async function openChat(body: components["schemas"]["NewChat"]): Promise<string> {
  const chat = value(await api.POST("/chats", { body }));
  putChat(chat);
  if (chat.peer !== undefined) putPeople([chat.peer]);
  return chat.id;
}

/** How I keep a chat; it shows at once. `muted_until: null` ends a mute. */
export async function prefer(chat: Chat, body: Omit<components["schemas"]["PatchPreferences"], "muted_until"> & { muted_until?: string | null }): Promise<boolean> {
  const before = chat.preferences;
  const show = (preferences: Chat["preferences"]) => changeChat(chat.id, (now) => ({ ...now, preferences }));
  const { muted_until: muted = before.muted_until, ...others } = body;
  const { muted_until: _, ...kept } = before;
  show({ ...kept, ...(others as Partial<typeof kept>), ...(muted != null && { muted_until: muted }) });
  const params = { path: { chat_id: chat.id } };
  const done = await attempt(async () => show(value(await api.PATCH("/chats/{chat_id}/preferences", { params, body: body as components["schemas"]["PatchPreferences"] }))));
  if (!done) show(before);
  return done;
}

export function changeGroup(chat: Chat, body: components["schemas"]["PatchChat"]): Promise<boolean> {
  return attempt(async () => putChat(value(await api.PATCH("/chats/{chat_id}", { params: { path: { chat_id: chat.id } }, body }))));
}

/** Everything up to now is gone from my view. */
export function clearChat(chat: Chat): Promise<boolean> {
  const last = chat.last_message;
  if (last === undefined) return Promise.resolve(true);
  return attempt(async () => {
    value(await api.DELETE("/chats/{chat_id}/messages", { params: { path: { chat_id: chat.id }, query: { before: last.id + 1 } } }));
    changeHistory(chat.id, (window) => without(window, [], last.id));
  });
}

/** A group is deleted for everyone; a direct chat leaves my list until its next message. */
export function deleteChat(chat: Chat): Promise<boolean> {
  return attempt(async () => {
    value(await api.DELETE("/chats/{chat_id}", { params: { path: { chat_id: chat.id } } }));
    change(({ chats: { [chat.id]: _, ...chats } }) => ({ chats }));
  });
}

/** All members of a group. */
export async function loadMembers(chat: string): Promise<void> {
  const { items } = value(await api.GET("/chats/{chat_id}/members", { params: { path: { chat_id: chat } } }));
  change(({ members }) => ({ members: { ...members, [chat]: items } }));
  needPeople(items.map((member) => member.user_id));
}

export function addMember(chat: string, user: string): Promise<boolean> {
  return attempt(async () => {
    value(await api.PUT("/chats/{chat_id}/members/{user_id}", { params: { path: { chat_id: chat, user_id: user } } }));
    await loadMembers(chat);
  });
}

export function setRole(chat: string, user: string, role: components["schemas"]["Role"]): Promise<boolean> {
  return attempt(async () => {
    value(await api.PATCH("/chats/{chat_id}/members/{user_id}", { params: { path: { chat_id: chat, user_id: user } }, body: { role } }));
    await loadMembers(chat);
  });
}

/** Somebody is removed; or I leave. */
export function removeMember(chat: string, user: string): Promise<boolean> {
  return attempt(async () => {
    value(await api.DELETE("/chats/{chat_id}/members/{user_id}", { params: { path: { chat_id: chat, user_id: user } } }));
    if (user !== world().me?.id) await loadMembers(chat);
  });
}
