/** The part of a chat's history that is loaded: neighbours, oldest first. Pure functions; a row is only ever replaced by one with a higher `rev`. */

import type { Message } from "@carrier/client";

export interface Window {
  items: Message[];
  /** The number of the first in a virtual list: it falls by one for each message that comes before it. */
  first: number;
  /** Another number whenever the window is another one, not the same grown. */
  epoch: number;
  /** The message that is to be shown; another object each time that somebody asks for it. */
  focus?: { id: number };
  /** There is more before the first. */
  before: boolean;
  /** There is more after the last: what is new does not follow it. */
  after: boolean;
}

/** Where `id` is, or would be. */
export function place(items: readonly Message[], id: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (items[middle]!.id < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts messages in their places; what is there already stays unless it is older. */
export function merge(items: Message[], more: readonly Message[]): Message[] {
  const first = more[0];
  if (first === undefined) return items;
  const last = items.at(-1);
  if (last === undefined || last.id < first.id) return [...items, ...more];
  const merged = [...items];
  for (const message of more) {
    const at = place(merged, message.id);
    const there = merged[at];
    if (there?.id !== message.id) merged.splice(at, 0, message);
    else if (there.rev < message.rev) merged[at] = message;
  }
  return merged;
}

/** What happened to a message reaches a window that has it. Others may not show it: I may have deleted it for myself. */
export function renew(window: Window, message: Message): Window {
  const at = place(window.items, message.id);
  const there = window.items[at];
  return there?.id === message.id && there.rev < message.rev ? { ...window, items: window.items.with(at, message) } : window;
}

/** A new message reaches a window that it comes next to. */
export function take(window: Window, message: Message): Window {
  const at = place(window.items, message.id);
  if (window.items[at]?.id === message.id) return renew(window, message);
  // Late ones come between others; one beyond the ends only where nothing is between.
  const belongs = (at > 0 || !window.before) && (at < window.items.length || !window.after);
  return belongs ? { ...window, items: window.items.toSpliced(at, 0, message), first: at === 0 ? window.first - 1 : window.first } : window;
}

/** At most so many messages, without the oldest or the newest of them: what is cut off can be loaded again. */
export function cut(window: Window, most: number, end: "oldest" | "newest"): Window {
  const over = window.items.length - most;
  if (over <= 0) return window;
  if (end === "newest") return { ...window, items: window.items.slice(0, most), after: true };
  return { ...window, items: window.items.slice(over), first: window.first + over, before: true };
}

/** What a reaction of somebody makes of a message, before the server tells. */
export function reacted(window: Window, id: number, emoji: string, user: string, added: boolean): Window {
  const at = place(window.items, id);
  const message = window.items[at];
  if (message?.id !== id) return window;
  const all = message.reactions ?? [];
  const { count = 0, user_ids = [] } = all.find((one) => one.emoji === emoji) ?? {};
  if (user_ids.includes(user) === added) return window;
  const others = user_ids.filter((other) => other !== user);
  const now = { emoji, count: count + (added ? 1 : -1), user_ids: added ? [...others, user] : others };
  const there = all.some((one) => one.emoji === emoji) ? all.map((one) => (one.emoji === emoji ? now : one)) : [...all, now];
  return { ...window, items: window.items.with(at, { ...message, reactions: there.filter((one) => one.count > 0) }) };
}

/** Messages that I deleted for myself. */
export function without(window: Window, ids: readonly number[], upTo: number | undefined): Window {
  const gone = new Set(ids);
  const items = window.items.filter((message) => !gone.has(message.id) && !(upTo !== undefined && message.id <= upTo));
  return items.length === window.items.length ? window : { ...window, items, before: window.before && upTo === undefined };
}
