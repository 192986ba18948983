/** Members of a group. */

import { type components, value } from "@carrier/client";

import { api } from "../client";
import { change, world } from "../state/world";
import { attempt } from "./attempt";
import { needPeople } from "./people";

const pathOf = (chat: string, user: string) => ({
  params: { path: { chat_id: chat, user_id: user } },
});

/** Loads all members of a group. */
export async function loadMembers(chat: string): Promise<void> {
  const params = { path: { chat_id: chat } };
  const { items } = value(await api.GET("/chats/{chat_id}/members", { params }));
  change(({ members }) => ({ members: { ...members, [chat]: items } }));
  needPeople(items.map((member) => member.user_id));
}

export function addMember(chat: string, user: string): Promise<boolean> {
  return attempt(async () => {
    value(await api.PUT("/chats/{chat_id}/members/{user_id}", pathOf(chat, user)));
    await loadMembers(chat);
  });
}

export function setRole(
  chat: string,
  user: string,
  role: components["schemas"]["Role"],
): Promise<boolean> {
  return attempt(async () => {
    const path = "/chats/{chat_id}/members/{user_id}" as const;
    value(await api.PATCH(path, { ...pathOf(chat, user), body: { role } }));
    await loadMembers(chat);
  });
}

/** Removes a member; or leaves the group, when it is me. */
export function removeMember(chat: string, user: string): Promise<boolean> {
  return attempt(async () => {
    value(await api.DELETE("/chats/{chat_id}/members/{user_id}", pathOf(chat, user)));
    if (user !== world().me?.id) await loadMembers(chat);
  });
}
