import { useEffect, useEffectEvent, useState } from "react";

import { useWorld } from "./use-world";

const RETRY_MS = 3000;

/**
 * Does something when `key` is another, and tries again until it succeeds. Returns true while the
 * last try has failed.
 */
export function useRetry(act: () => Promise<void> | undefined, key: string): boolean {
  const isOnline = useWorld((world) => world.connection === "online");
  const [failures, setFailures] = useState(0);
  const start = useEffectEvent(act);
  // biome-ignore lint/correctness/useExhaustiveDependencies: each of them is a reason to try again
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const fail = () => {
      if (!isOver) timer = setTimeout(() => setFailures((count) => count + 1), RETRY_MS);
    };
    start()?.then(() => !isOver && setFailures(0), fail);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [key, failures, isOnline]);
  return failures > 0;
}
