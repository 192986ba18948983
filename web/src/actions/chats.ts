/** Chats: listed, opened, changed, cleared and deleted. */

import { type Chat, type components, value } from "@carrier/client";

import { api, carrier } from "../client";
import { withChat, withView } from "../state/chats";
import { changeMessages, takeChat } from "../state/events";
import { CHATS_PAGE } from "../state/first-look";
import { withPeople } from "../state/people";
import { change, world } from "../state/world";
import { apply } from "./apply";
import { attempt } from "./attempt";
import { fetchChat } from "./lookup";

type Schemas = components["schemas"];
type Preferences = Schemas["PatchPreferences"];

/** Lists all chats; the first page is shown as soon as it is there. */
export async function listChats(): Promise<void> {
  for (const archived of [false, true]) {
    for (let cursor: string | undefined; ; ) {
      const query = { archived, limit: CHATS_PAGE, ...(cursor !== undefined && { cursor }) };
      const page = value(await api.GET("/chats", { params: { query } }));
      const peers = page.items.flatMap(({ peer }) => (peer === undefined ? [] : [peer]));
      change((now) => withPeople(page.items.reduce(withView, now), peers));
      if (!world().listed) change({ listed: true });
      cursor = page.next;
      if (cursor === undefined) break;
    }
  }
}

/** Looks up a chat that was not listed, as a hidden one. Returns false when it cannot be seen. */
export async function findChat(id: string): Promise<boolean> {
  const chat = await fetchChat(id);
  if (chat !== undefined) apply((now) => takeChat(now, chat, false));
  return chat !== undefined;
}

/** Opens the direct chat with a person, or makes a group. Returns its id. */
export async function openChat(body: Schemas["NewChat"]): Promise<string> {
  const chat = value(await api.POST("/chats", { body }));
  const peers = chat.peer === undefined ? [] : [chat.peer];
  change((now) => withPeople(withView(now, chat), peers));
  return chat.id;
}

/** Changes my preferences of a chat; they show at once. `muted_until: null` ends a mute. */
export async function setPreferences(
  chat: Chat,
  body: Omit<Preferences, "muted_until"> & { muted_until?: string | null },
): Promise<boolean> {
  const before = chat.preferences;
  const show = (preferences: Chat["preferences"]) =>
    change((now) => withChat(now, chat.id, (known) => ({ ...known, preferences })));
  const { muted_until: muted = before.muted_until, ...others } = body;
  const { muted_until: _, ...kept } = before;
  show({
    ...kept,
    ...(others as Partial<typeof kept>),
    ...(muted != null && { muted_until: muted }),
  });
  const params = { path: { chat_id: chat.id } };
  const isDone = await attempt(async () => {
    const patch = { params, body: body as Preferences };
    show(value(await api.PATCH("/chats/{chat_id}/preferences", patch)));
  });
  if (!isDone) show(before);
  return isDone;
}

/** Changes the name or the description of a group; a description of `null` is removed. */
export async function changeGroup(
  chat: Chat,
  body: Omit<Schemas["PatchChat"], "description"> & { description: string | null },
): Promise<void> {
  const params = { path: { chat_id: chat.id } };
  const patch = { params, body: body as Schemas["PatchChat"] };
  const view = value(await api.PATCH("/chats/{chat_id}", patch));
  change((now) => withView(now, view));
}

export function setGroupPicture(chat: Chat, image: Blob): Promise<boolean> {
  return attempt(async () => {
    const view = await carrier.setChatAvatar(chat.id, image);
    change((now) => withView(now, view));
  });
}

/** Removes everything up to now from my view. */
export function clearChat(chat: Chat): Promise<boolean> {
  const last = chat.last_message;
  if (last === undefined) return Promise.resolve(true);
  return attempt(async () => {
    const params = { path: { chat_id: chat.id }, query: { before: last.id + 1 } };
    value(await api.DELETE("/chats/{chat_id}/messages", { params }));
    const removal = { type: "remove", message_ids: [], up_to: last.id } as const;
    apply((now) => changeMessages(now, chat.id, removal));
  });
}

/** Deletes a group for everyone; or hides a direct chat from my list until its next message. */
export function deleteChat(chat: Chat): Promise<boolean> {
  return attempt(async () => {
    value(await api.DELETE("/chats/{chat_id}", { params: { path: { chat_id: chat.id } } }));
    change(({ chats: { [chat.id]: _, ...chats } }) => ({ chats }));
  });
}

/** Returns how far each member has received and read. */
export async function fetchReceipts(chat: string): Promise<Schemas["MemberReceipt"][]> {
  const params = { path: { chat_id: chat } };
  return value(await api.GET("/chats/{chat_id}/receipts", { params })).items;
}
