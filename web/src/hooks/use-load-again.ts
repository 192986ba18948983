import { useEffect, useEffectEvent, useState } from "react";

/** The waits before a file is asked for again, in milliseconds. */
const WAITS = [500, 1000, 2000, 4000, 8000];

/** Loads a picture that failed again, a few times, and once there is a network again. */
export function useLoadAgain() {
  const [tries, setTries] = useState(0);
  const [failed, setFailed] = useState(false);
  const wait = WAITS[tries];

  const load = (now: number) => {
    setFailed(false);
    setTries(now);
  };
  const retry = () => load(1);
  const onTime = useEffectEvent(() => load(tries + 1));
  const onOnline = useEffectEvent(retry);

  useEffect(() => {
    if (!failed) return;
    const timer = wait === undefined ? undefined : setTimeout(() => onTime(), wait);
    const restart = () => onOnline();
    addEventListener("online", restart);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", restart);
    };
  }, [failed, wait]);

  return {
    tries,
    /** True while it is waited before the next try, and once there is none. */
    hasFailed: failed,
    isGivenUp: failed && wait === undefined,
    onError: () => setFailed(true),
    retry,
  };
}
