/** The part of a chat's history that is loaded: neighbours, oldest first. Pure functions; a row is only ever replaced by one with a higher `rev`. */

import type { Message } from "@carrier/client";

export interface Window {
  items: Message[];
  /** The number of the first in a virtual list: it falls by one for each message that comes before it. */
  first: number;
  /** Another number whenever the window is another one, not the same grown. */
  epoch: number;
  /** The message that it was loaded for. */
  focus?: number;
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

/** What happened to a message reaches a window that has it, or that it comes next to. */
export function take(window: Window, message: Message): Window {
  const at = place(window.items, message.id);
  const there = window.items[at];
  if (there?.id === message.id) return there.rev < message.rev ? { ...window, items: window.items.with(at, message) } : window;
  // Late ones come between others; one beyond the ends only where nothing is between.
  const belongs = (at > 0 || !window.before) && (at < window.items.length || !window.after);
  return belongs ? { ...window, items: window.items.toSpliced(at, 0, message), first: at === 0 ? window.first - 1 : window.first } : window;
}

/** Messages that I deleted for myself. */
export function without(window: Window, ids: readonly number[], upTo: number | undefined): Window {
  const gone = new Set(ids);
  const items = window.items.filter((message) => !gone.has(message.id) && !(upTo !== undefined && message.id <= upTo));
  return items.length === window.items.length ? window : { ...window, items, before: window.before && upTo === undefined };
}
