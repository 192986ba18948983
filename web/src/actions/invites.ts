/** Invitations to a group: looked at, and followed. */

import { type components, value } from "@carrier/client";

import { api } from "../client";
import { withView } from "../state/chats";
import { isFinal } from "../state/problems";
import { change } from "../state/world";

const pathOf = (invite_token: string) => ({ params: { path: { invite_token } } });

/** Returns the group to which an invitation leads; `null` when it holds no more. */
export async function lookAtInvite(
  token: string,
): Promise<components["schemas"]["InvitePreview"] | null> {
  try {
    return value(await api.GET("/invites/{invite_token}", pathOf(token)));
  } catch (error) {
    if (isFinal(error)) return null;
    throw error;
  }
}

/** Joins a group by an invitation. Returns its id. */
export async function joinGroup(token: string): Promise<string> {
  const chat = value(await api.POST("/invites/{invite_token}/join", pathOf(token)));
  change((now) => withView(now, chat));
  return chat.id;
}
