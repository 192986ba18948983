import { useEffect } from "react";

import { lookAtCalendar } from "../state/calendar";

const MINUTE_MS = 60_000;

/** Notices another day, and another time zone after a journey. */
export function useCalendarWatch(): void {
  useEffect(() => {
    const timer = setInterval(lookAtCalendar, MINUTE_MS);
    document.addEventListener("visibilitychange", lookAtCalendar);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", lookAtCalendar);
    };
  }, []);
}
