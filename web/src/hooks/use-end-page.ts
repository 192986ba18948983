import { useEffect, useEffectEvent, useRef, useState } from "react";

import { nextWait } from "../state/outbox";
import { useWorld } from "./use-world";

/**
 * The next page at an end of a list. One that failed is asked for again by itself, with growing
 * waits and once there is a network again.
 */
export function useEndPage(load: () => Promise<void>) {
  const isOnline = useWorld((world) => world.connection === "online");
  const [hasFailed, setFailed] = useState(false);
  const status = useRef<"idle" | "asking" | "failed" | "gone">("idle");
  const wait = useRef<number>(undefined);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);

  const end = (now: "idle" | "failed") => {
    if (status.current === "gone") return;
    status.current = now;
    setFailed(now === "failed");
    wait.current = now === "failed" ? nextWait(wait.current) : undefined;
    if (now === "failed") timer.current = setTimeout(retry, wait.current);
  };
  const retry = () => {
    if (status.current === "asking") return;
    clearTimeout(timer.current);
    status.current = "asking";
    load().then(
      () => end("idle"),
      () => end("failed"),
    );
  };
  const ask = () => {
    if (status.current === "idle") retry();
  };
  const retryFailed = useEffectEvent(() => {
    if (status.current === "failed") retry();
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: the network is a reason to try again
  useEffect(() => retryFailed(), [isOnline]);
  useEffect(() => {
    status.current = "idle";
    return () => {
      status.current = "gone";
      clearTimeout(timer.current);
    };
  }, []);

  return { hasFailed, retry, ask };
}

export type EndPage = ReturnType<typeof useEndPage>;
