/** Times as people say them. */

import { useEffect, useState } from "react";

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const weekday = new Intl.DateTimeFormat(undefined, { weekday: "long" });
const dayAndMonth = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "long" });
const date = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "long", year: "numeric" });
const short = new Intl.DateTimeFormat(undefined, { day: "2-digit", month: "2-digit", year: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "medium" });

const DAY = 86_400_000;

function daysAgo(time: Date): number {
  const midnight = (day: Date) => new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  return Math.round((midnight(new Date()) - midnight(time)) / DAY);
}

/** `09:41` */
export const timeOf = (at: string | number) => clock.format(new Date(at));

/** All of it, for a tooltip. */
export const allOf = (at: string | number) => full.format(new Date(at));

/** `Today`, `Yesterday`, `Monday`, `Sat, 7 November`, `7 November 2025` */
export function dayOf(at: string | number): string {
  const time = new Date(at);
  const days = daysAgo(time);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return weekday.format(time);
  return time.getFullYear() === new Date().getFullYear() ? dayAndMonth.format(time) : date.format(time);
}

/** `7 November 2025` */
export const dateOf = (at: string | number) => date.format(new Date(at));

/** For a list: the time of today, else the day. */
export function briefly(at: string | number): string {
  const time = new Date(at);
  const days = daysAgo(time);
  if (days <= 0) return clock.format(time);
  if (days === 1) return "Yesterday";
  return days < 7 ? weekday.format(time) : short.format(time);
}

export function isSameDay(one: string | number, other: string | number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
}

const MINUTE_MS = 60_000;

/** Whatever says how long ago something was is drawn again each minute. */
export function useMinute(): void {
  const [, tick] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => tick((at) => at + 1), MINUTE_MS);
    return () => clearInterval(timer);
  }, []);
}

/** `just now`, `5 minutes ago`, `3 hours ago`, `yesterday`, `on Monday` */
export function ago(at: string): string {
  const minutes = Math.floor((Date.now() - Date.parse(at)) / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} ${minutes === 1 ? "minute" : "minutes"} ago`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return `${hours} ${hours === 1 ? "hour" : "hours"} ago`;
  const days = daysAgo(new Date(at));
  return days <= 1 ? "yesterday" : `on ${dayOf(at)}`;
}
