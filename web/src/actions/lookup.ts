/** Chats that events tell of, but that are not known, or not as they are now. */

import { type Chat, value } from "@carrier/client";

import { api } from "../client";
import { isFinal } from "../state/problems";

const SOON_MS = 400;
const scheduled = new Set<string>();

/** Returns a chat as I see it now; `undefined` when it does not exist, or I am no member. */
export async function fetchChat(id: string): Promise<Chat | undefined> {
  try {
    return value(await api.GET("/chats/{chat_id}", { params: { path: { chat_id: id } } }));
  } catch (error) {
    if (isFinal(error)) return undefined;
    throw error;
  }
}

/** Fetches a chat, once for all events that come meanwhile. */
export function lookUpSoon(id: string, then: (chat: Chat) => void): void {
  if (scheduled.has(id)) return;
  scheduled.add(id);
  setTimeout(() => {
    scheduled.delete(id);
    fetchChat(id).then(
      (chat) => chat && then(chat),
      () => undefined, // a connection that comes back tells of the chat once more
    );
  }, SOON_MS);
}
