import { useEffect, useState } from "react";

import { type Trouble, troubleOf } from "../state/world";
import { useWorld } from "./use-world";

/** A shorter trouble is not worth a word. */
const BLINK_MS = 1200;

/** Returns the trouble that the page is in for longer than a blink. */
export function useTrouble(): Trouble | undefined {
  const trouble = useWorld(troubleOf);
  const [lasting, setLasting] = useState<Trouble>();
  useEffect(() => {
    const timer = setTimeout(() => setLasting(trouble), trouble === undefined ? 0 : BLINK_MS);
    return () => clearTimeout(timer);
  }, [trouble]);
  return lasting;
}
