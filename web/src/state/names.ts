/** The names of chats, and the words of messages that Carrier writes itself. */

import type { Chat, Message } from "@carrier/client";

import { firstCharacters } from "./characters";
import { isolated } from "./direction";
import { withFewMarks } from "./markdown";

export function chatName({ kind, peer, name }: Chat): string {
  return withFewMarks(kind === "direct" ? (peer?.display_name ?? "Deleted account") : (name ?? ""));
}

/** Characters of a line that stands for a text, at most: more has no room on any screen. */
const MOST_CHARACTERS = 300;

/** Returns the beginning of a text as one line. */
export function oneLine(text: string): string {
  const start = firstCharacters(text.slice(0, 4 * MOST_CHARACTERS), MOST_CHARACTERS);
  return withFewMarks(start).replace(/\s+/g, " ");
}

/** Returns what somebody did who gave another role to a member. */
function roleText(actor: string, user: string, role: string | undefined): string {
  if (role === "owner") return `${actor} made ${user} the owner`;
  return role === "admin"
    ? `${actor} made ${user} an admin`
    : `${actor} removed ${user} as an admin`;
}

/** Returns the text of a system message, as "Ann added Bob". */
export function systemText(
  message: Message,
  me: string | undefined,
  nameOf: (id: string) => string,
): string {
  const { actor_id = "", user_id = "", event, new: now, old } = message.system ?? {};
  const user = user_id === me ? "you" : isolated(nameOf(user_id));
  const actor = actor_id === me ? "You" : isolated(nameOf(actor_id));
  switch (event) {
    case "member_added":
      return actor_id === user_id ? `${actor} joined` : `${actor} added ${user}`;
    case "member_removed":
      return `${actor} removed ${user}`;
    case "member_left":
      return `${actor} left`;
    case "role_changed":
      return roleText(actor, user, now);
    case "chat_renamed":
      if (now === undefined) return `${actor} removed the name “${isolated(old ?? "")}”`;
      return `${actor} named the group “${isolated(now)}”`;
    case "message_pinned":
      return `${actor} pinned a message`;
    default:
      return "Something has changed";
  }
}

/** Returns one line that stands for a message. */
export function brief(message: Message): string {
  if (message.deleted === true) return "Message deleted";
  if (message.body !== "") return oneLine(message.body);
  const [first, ...others] = message.attachments ?? [];
  if (first === undefined) return oneLine(message.subject ?? "");
  const label = first.content_type.startsWith("image/") ? "Picture" : withFewMarks(first.name);
  return others.length > 0 ? `${label} and ${others.length} more` : label;
}
