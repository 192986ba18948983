/** Chats that something was told of, but that are not known, or not as they are now. */

import { type Chat, CarrierError, value } from "@carrier/client";

import { api } from "../carrier";

const SOON_MS = 400;
const sought = new Map<string, ReturnType<typeof setTimeout>>();

/** A chat as I see it now; `undefined`: it is not there, or not mine. */
export async function fetchChat(id: string): Promise<Chat | undefined> {
  try {
    return value(await api.GET("/chats/{chat_id}", { params: { path: { chat_id: id } } }));
  } catch (error) {
    if (error instanceof CarrierError && error.problem.status < 500 && error.problem.status !== 429) return undefined;
    throw error;
  }
}

/** Once for all that is told meanwhile. */
export function lookUpSoon(id: string, then: (chat: Chat) => void): void {
  if (sought.has(id)) return;
  const seek = () => {
    sought.delete(id);
    fetchChat(id).then(
      (chat) => chat && then(chat),
      () => undefined, // a connection that comes back tells of it again
    );
  };
  sought.set(id, setTimeout(seek, SOON_MS));
}
