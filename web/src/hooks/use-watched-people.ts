import { useEffect } from "react";

import { say } from "../actions/live";
import { inOrder } from "../state/chats";
import { useLimits, useWorld } from "./use-world";

/** Asks for the presence of the members of the open chat, and of those whose chats come first. */
export function useWatchedPeople(chat: string | undefined): void {
  const { watched } = useLimits();
  const connection = useWorld((world) => world.connection);
  const people = useWorld(({ chats, members, me }) => {
    const here = chat === undefined ? [] : (members[chat] ?? []).map((member) => member.user_id);
    const others = inOrder(chats).flatMap(({ peer }) => (peer === undefined ? [] : [peer.id]));
    const all = new Set([...here, ...others].filter((id) => id !== me?.id));
    return [...all].slice(0, watched).sort().join();
  });
  useEffect(() => {
    if (connection === "online" && people !== "")
      say({ type: "watch", user_ids: people.split(",") });
  }, [connection, people]);
}
