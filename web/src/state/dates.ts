/** Times in words. */

import { calendarStore } from "./calendar";
import { ENGLISH } from "./language";

const FORMATS = {
  clock: { hour: "2-digit", minute: "2-digit" },
  weekday: { weekday: "long" },
  dayAndMonth: { weekday: "short", day: "numeric", month: "long" },
  date: { day: "numeric", month: "long", year: "numeric" },
  short: { day: "2-digit", month: "2-digit", year: "2-digit" },
  full: { dateStyle: "full", timeStyle: "medium" },
} satisfies Record<string, Intl.DateTimeFormatOptions>;

/** Formatters, by format and zone: each keeps the zone that it was made in. */
const formatters = new Map<string, Intl.DateTimeFormat>();

/** Writes a time in the zone of now: people travel with their pages open. */
function written(format: keyof typeof FORMATS, at: string | number | Date): string {
  const { zone } = calendarStore.getState();
  const key = `${format} ${zone}`;
  const known = formatters.get(key);
  const formatter = known ?? new Intl.DateTimeFormat(ENGLISH, FORMATS[format]);
  if (known === undefined) formatters.set(key, formatter);
  return formatter.format(new Date(at));
}

const DAY = 86_400_000;

function daysAgo(time: Date): number {
  const midnight = (day: Date) =>
    new Date(day.getFullYear(), day.getMonth(), day.getDate()).getTime();
  return Math.round((midnight(new Date()) - midnight(time)) / DAY);
}

/** `09:41` */
export const timeOf = (at: string | number) => written("clock", at);

/** The whole date and time, for a tooltip. */
export const allOf = (at: string | number) => written("full", at);

/** `Today`, `Yesterday`, `Monday`, `Sat, 7 November`, `7 November 2025` */
export function dayOf(at: string | number): string {
  const time = new Date(at);
  const days = daysAgo(time);
  if (days === 0) return "Today";
  if (days === 1) return "Yesterday";
  if (days > 1 && days < 7) return written("weekday", time);
  return time.getFullYear() === new Date().getFullYear()
    ? written("dayAndMonth", time)
    : written("date", time);
}

/** `7 November 2025` */
export const dateOf = (at: string | number) => written("date", at);

/** For a list: the time of today, else the day. */
export function briefly(at: string | number): string {
  const time = new Date(at);
  const days = daysAgo(time);
  if (days <= 0) return written("clock", time);
  if (days === 1) return "Yesterday";
  return days < 7 ? written("weekday", time) : written("short", time);
}

export function isSameDay(one: string | number, other: string | number): boolean {
  return new Date(one).toDateString() === new Date(other).toDateString();
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
