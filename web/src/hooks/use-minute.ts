import { useEffect, useState } from "react";

const MINUTE_MS = 60_000;

/** Draws a component once more each minute: one that says how long ago something was. */
export function useMinute(): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((count) => count + 1), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
}
