/** What becomes of a notification that is shown. Pure. */

import type { Message } from "@carrier/client";

import { knownMessage } from "./events";
import { brief } from "./names";
import type { World } from "./world";

/**
 * Returns what the notification of a message should show: the message as it is now; `undefined`
 * once it was read, wherever that was, or is not there any more.
 */
export function stillNotified(now: World, message: Message): Message | undefined {
  const chat = now.chats[message.chat_id];
  if (chat === undefined || chat.unread_count === 0 || chat.my.read >= message.id) return;
  const known = knownMessage(now, message);
  if (known === undefined) return (chat.last_message?.id ?? 0) < message.id ? undefined : message;
  if (known.deleted === true) return;
  return brief(known) === brief(message) ? message : known;
}
