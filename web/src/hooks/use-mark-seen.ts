import type { Chat, Message } from "@carrier/client";
import { type RefObject, useEffect } from "react";

import { markRead } from "../actions/receipts";

/** Marks a message as read once it is on screen, while the page is looked at. */
export function useMarkSeen(
  row: RefObject<HTMLElement | null>,
  message: Message,
  chat: Chat,
  isReadable: boolean,
): void {
  const isUnread = isReadable && message.id > chat.my.read;
  useEffect(() => {
    if (!isUnread || row.current === null) return;
    let isVisible = false;
    const look = () => {
      if (isVisible && document.visibilityState === "visible" && document.hasFocus())
        markRead(message.chat_id, message.id);
    };
    const observer = new IntersectionObserver(([entry]) => {
      isVisible = entry?.isIntersecting === true;
      look();
    });
    observer.observe(row.current);
    addEventListener("focus", look);
    return () => {
      observer.disconnect();
      removeEventListener("focus", look);
    };
  }, [isUnread, message.chat_id, message.id, row]);
}
