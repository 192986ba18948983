import type { Chat } from "@carrier/client";
import { useMemo, useState } from "react";

import type { PendingMessage } from "../state/outbox";
import { notArrived, pendingRow, type ShownMessage } from "../state/rows";
import { type MessageWindow, place } from "../state/window";
import { useMe, useOutbox } from "./use-world";

const NONE: PendingMessage[] = [];

/** The messages of a chat to show: those of its window, then those that are not sent yet. */
export function useShownMessages(chat: Chat, { items, after }: MessageWindow) {
  const me = useMe();
  const outbox = useOutbox((pending) => pending);
  const pending = useMemo(() => {
    const left = notArrived(outbox, chat.id, items, me.id);
    return left.length === 0 ? NONE : left;
  }, [outbox, items, chat.id, me.id]);
  const shown = useMemo<ShownMessage[]>(
    () =>
      pending === NONE || after
        ? items
        : [...items, ...pending.map((one, index) => pendingRow(one, index, me.id))],
    [items, pending, after, me.id],
  );
  return { shown, lastPending: pending.at(-1)?.message.client_id };
}

/** Returns the id of the first unread message, as it was when the chat was opened. */
export function useFirstUnread(chat: Chat, { items }: MessageWindow): number | undefined {
  const me = useMe();
  const [readUpTo] = useState(chat.unread_count > 0 ? chat.my.read : undefined);
  return useMemo(() => {
    if (readUpTo === undefined) return undefined;
    const unread = items.slice(place(items, readUpTo + 1));
    return unread.find((message) => message.sender_id !== me.id)?.id;
  }, [items, readUpTo, me.id]);
}
