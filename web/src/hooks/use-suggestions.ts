import type { Chat } from "@carrier/client";
import { useMemo, useState } from "react";

import { ALL, mayMentionAll, nameBefore, suggested } from "../state/mention";
import type { Profile } from "../state/world";
import { useLimits, useMe, useWorld } from "./use-world";

/** One to mention: a member, or all of them. */
export type Suggestion = Profile | typeof ALL;

/** Returns the name by which a text mentions them. */
export const nameOf = (one: Suggestion): string => (one === ALL ? ALL : one.username);

/**
 * The members of a group whose name is being written after an @, and the chosen one of them; before
 * them all together, for those who may.
 */
export function useSuggestions(chat: Chat, text: string, caret: number) {
  const me = useMe();
  const limits = useLimits();
  const people = useWorld((world) => world.people);
  const members = useWorld((world) => world.members[chat.id]);
  const [choice, setChoice] = useState(0);
  const [isDismissed, setDismissed] = useState(false);
  const start = nameBefore(text, caret);

  const matching = useMemo<Suggestion[]>(() => {
    if (start === undefined || chat.kind !== "group") return [];
    const others = (members ?? chat.members).filter((member) => member.user_id !== me.id);
    const known = others.flatMap((member) => people[member.user_id] ?? []);
    const all = ALL.startsWith(start) && mayMentionAll(chat, limits) ? ([ALL] as const) : [];
    return [...all, ...suggested(start, known)];
  }, [start, chat, members, people, me.id, limits]);
  const shown = isDismissed ? [] : matching;

  return {
    shown,
    choice,
    chosen: shown[choice],
    /** Goes to the next one, or to the one before. */
    move: (step: 1 | -1) => setChoice((choice + step + shown.length) % shown.length),
    dismiss: () => setDismissed(true),
    /** Begins anew, as the text is another. */
    reset: () => {
      setChoice(0);
      setDismissed(false);
    },
  };
}
