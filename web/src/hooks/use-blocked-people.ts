import { useEffect, useEffectEvent, useState } from "react";
import { useStore } from "zustand";

import { block, loadBlocked, unblock } from "../actions/account";
import { attempt } from "../actions/attempt";
import { blockedStore, isStale } from "../state/blocked";

/** The people I block, and how to block and unblock them. */
export function useBlockedPeople() {
  const people = useStore(blockedStore, (blocked) => blocked.people);
  const [error, setError] = useState<unknown>();
  const reload = () => {
    setError(undefined);
    loadBlocked().catch(setError);
  };
  const loadStale = useEffectEvent(() => {
    if (isStale()) reload();
  });
  useEffect(() => loadStale(), []);
  return {
    people,
    error,
    reload,
    isBlocked: (id: string) => people?.some((person) => person.id === id) === true,
    block: (id: string) => attempt(() => block(id)),
    unblock: (id: string) => attempt(() => unblock(id)),
  };
}
