/** What chats are called, and what the messages of the system say. */

import type { Chat, Message } from "@carrier/client";

import { nameOf, usePerson } from "../state/people";
import { useWorld } from "../state/world";

export function chatName(chat: Chat): string {
  return chat.kind === "direct" ? (chat.peer?.display_name ?? "Deleted account") : (chat.name ?? "");
}

/** "Ann added Bob". */
export function useSystemText(message: Message): string {
  const me = useWorld((world) => world.me?.id);
  const { actor_id = "", user_id, event, new: now, old } = message.system ?? {};
  usePerson(actor_id);
  usePerson(user_id ?? actor_id);
  const who = (id: string | undefined) => (id === me ? "you" : nameOf(id ?? ""));
  const actor = actor_id === me ? "You" : nameOf(actor_id);
  switch (event) {
    case "member_added":
      return actor_id === user_id ? `${actor} joined` : `${actor} added ${who(user_id)}`;
    case "member_removed":
      return `${actor} removed ${who(user_id)}`;
    case "member_left":
      return `${actor} left`;
    case "role_changed":
      return `${actor} made ${who(user_id)} ${now === "admin" ? "an admin" : now === "owner" ? "the owner" : "a member"}`;
    case "chat_renamed":
      if (now === undefined) return `${actor} took the name "${old ?? ""}" away`;
      return `${actor} named the group "${now}"`;
    default:
      return "Something changed";
  }
}

/** One line that tells what a message is. */
export function brief(message: Message): string {
  if (message.deleted === true) return "Message deleted";
  if (message.body !== "") return message.body.replace(/\s+/g, " ");
  const [first, ...others] = message.attachments ?? [];
  if (first === undefined) return message.subject ?? "";
  const what = first.content_type.startsWith("image/") ? "Picture" : first.name;
  return others.length > 0 ? `${what} and ${others.length} more` : what;
}
