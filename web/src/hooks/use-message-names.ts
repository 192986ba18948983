import type { Message } from "@carrier/client";
import { useMemo } from "react";

import { ALL } from "../state/mention";
import { useMe, useWorld } from "./use-world";

/** Returns the usernames of the people whom a message mentions, in small letters; or `all`. */
export function useMessageNames({ mentions, mentions_all }: Message): ReadonlySet<string> {
  const me = useMe();
  const names = useWorld(({ people }) => {
    const nameOf = (id: string) => (id === me.id ? me.username : (people[id]?.username ?? ""));
    const all = mentions_all === true ? [ALL] : [];
    return [...all, ...(mentions?.map(nameOf) ?? [])].join();
  });
  return useMemo(() => new Set(names === "" ? [] : names.toLowerCase().split(",")), [names]);
}
