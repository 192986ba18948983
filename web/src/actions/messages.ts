/**
 * Reactions, edits, deletions and pins of messages. An answer is taken at once, so the event that
 * follows changes nothing more.
 */

import { type components, type Message, value } from "@carrier/client";

import { api } from "../client";
import { changeMessages, renewMessage } from "../state/events";
import { withMyReaction } from "../state/history";
import { isFinal } from "../state/problems";
import { world } from "../state/world";
import { apply } from "./apply";
import { attempt } from "./attempt";

const pathOf = ({ chat_id, id }: Message) => ({ path: { chat_id, message_id: id } });

/** Adds my reaction, or removes it. It shows at once; the event that follows has the message. */
export async function toggleReaction(message: Message, emoji: string): Promise<void> {
  const { chat_id, id } = message;
  const user_id = world().me?.id ?? "";
  const added = world().myReactions[chat_id]?.[id]?.includes(emoji) !== true;
  const show = (isOn: boolean) =>
    apply((now) => {
      const next = withMyReaction(now, chat_id, id, emoji, isOn);
      const reaction = { type: "react", message_id: id, emoji, user_id, added: isOn } as const;
      return changeMessages(next, chat_id, reaction);
    });
  show(added);
  const params = { path: { ...pathOf(message).path, emoji } };
  const path = "/chats/{chat_id}/messages/{message_id}/reactions/{emoji}" as const;
  const isDone = await attempt(async () =>
    value(added ? await api.PUT(path, { params }) : await api.DELETE(path, { params })),
  );
  if (!isDone) show(!added);
}

export function editMessage(
  message: Message,
  body: components["schemas"]["PatchMessage"],
): Promise<boolean> {
  return attempt(async () => {
    const path = "/chats/{chat_id}/messages/{message_id}" as const;
    const edited = value(await api.PATCH(path, { params: pathOf(message), body }));
    apply((now) => renewMessage(now, edited));
  });
}

export function deleteMessage(message: Message, audience: "me" | "everyone"): Promise<boolean> {
  return attempt(async () => {
    const params = { ...pathOf(message), query: { for: audience } };
    value(await api.DELETE("/chats/{chat_id}/messages/{message_id}", { params }));
    const change = { type: "remove", message_ids: [message.id] } as const;
    if (audience === "me") apply((now) => changeMessages(now, message.chat_id, change));
  });
}

/** Pins a message for everyone, or takes its pin away; an event has the chat with its pins. */
export function pinMessage(message: Message, isPinned: boolean): Promise<boolean> {
  const params = pathOf(message);
  const path = "/chats/{chat_id}/pins/{message_id}" as const;
  return attempt(async () => {
    value(isPinned ? await api.PUT(path, { params }) : await api.DELETE(path, { params }));
  });
}

/** Returns a message as it is now; `undefined` when it cannot be seen. */
export async function fetchMessage(
  chat_id: string,
  message_id: number,
): Promise<Message | undefined> {
  try {
    const params = { path: { chat_id, message_id } };
    return value(await api.GET("/chats/{chat_id}/messages/{message_id}", { params }));
  } catch (error) {
    if (isFinal(error)) return undefined;
    throw error;
  }
}
