import { useEffect } from "react";

import { inOrder } from "../state/chats";
import { isLetter } from "../state/keys";
import { world } from "../state/world";
import { focusSearch } from "./search-field";

const STEPS: Record<string, number> = { ArrowUp: -1, ArrowDown: 1 };

/** Ctrl K searches, Alt N begins a chat, Alt and an arrow go to the next chat. */
export function useShortcuts(
  chat: string | undefined,
  navigate: (path: string) => void,
  onNewChat: () => void,
): void {
  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const step = STEPS[event.key];
      const { altKey, shiftKey } = event;
      const isControl = event.ctrlKey || event.metaKey;
      if (isControl && !altKey && !shiftKey && isLetter(event, "k")) {
        event.preventDefault();
        focusSearch();
      } else if (altKey && !isControl && !shiftKey && isLetter(event, "n")) {
        event.preventDefault();
        onNewChat();
      } else if (altKey && step !== undefined) {
        const listed = inOrder(world().chats).filter((one) => !one.preferences.archived);
        const next = listed[listed.findIndex((one) => one.id === chat) + step];
        if (next === undefined) return;
        event.preventDefault();
        navigate(`/c/${next.id}`);
      }
    };
    addEventListener("keydown", onKeyDown);
    return () => removeEventListener("keydown", onKeyDown);
  }, [chat, navigate, onNewChat]);
}
