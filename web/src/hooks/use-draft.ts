import { useEffect, useState } from "react";

import { draftKey, keepDraft, readDraft } from "../state/drafts";

/** The draft of a chat. */
export function useDraft(user: string, chat: string) {
  const [text, setText] = useState(() => readDraft(user, chat));

  // Another tab may have written on.
  useEffect(() => {
    const onStorage = ({ key, newValue }: StorageEvent) => {
      if (key === draftKey(user, chat)) setText(newValue ?? "");
    };
    addEventListener("storage", onStorage);
    return () => removeEventListener("storage", onStorage);
  }, [user, chat]);

  return {
    text,
    write: (now: string) => {
      setText(now);
      keepDraft(user, chat, now);
    },
    /** Shows the draft as it is kept. */
    restore: () => setText(readDraft(user, chat)),
  };
}
