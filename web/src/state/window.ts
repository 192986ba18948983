/**
 * The part of a chat's history that is loaded: neighbours, oldest first. Pure functions; a row is
 * only ever replaced by one with a higher `rev`.
 */

import type { Message } from "@carrier/client";

export interface MessageWindow {
  items: Message[];
  /** The number of the first in the list: it falls by one for each message before it. */
  first: number;
  /** Another number for each window that is opened; a window that grows keeps its own. */
  epoch: number;
  /** The message to bring on screen; another object each time that it is asked for. */
  focus?: { id: number };
  /** True when there are older messages than the first. */
  before: boolean;
  /** True when there are newer messages than the last: a new message does not follow it. */
  after: boolean;
}

/** A change of a chat's messages, as data: it can be repeated on a page that was on its way. */
export type WindowChange =
  | { type: "take"; message: Message }
  | { type: "renew"; message: Message }
  | { type: "react"; message_id: number; emoji: string; user_id: string; added: boolean }
  | { type: "remove"; message_ids: readonly number[]; up_to?: number | undefined };

export function changed(loaded: MessageWindow, change: WindowChange): MessageWindow {
  switch (change.type) {
    case "take":
      return take(loaded, change.message);
    case "renew":
      return renew(loaded, change.message);
    case "react":
      return reacted(loaded, change.message_id, change.emoji, change.user_id, change.added);
    case "remove":
      return without(loaded, change.message_ids, change.up_to);
  }
}

/** Returns the index of the message `id`, or the one that it would have. */
export function place(items: readonly Message[], id: number): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((items[middle]?.id ?? 0) < id) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Puts messages in their places; a message that is there already stays unless it is older. */
export function merge(items: Message[], more: readonly Message[]): Message[] {
  const first = more[0];
  if (first === undefined) return items;
  const last = items.at(-1);
  if (last === undefined || last.id < first.id) return [...items, ...more];
  const merged = [...items];
  for (const message of more) {
    const at = place(merged, message.id);
    const known = merged[at];
    if (known?.id !== message.id) merged.splice(at, 0, message);
    else if (known.rev < message.rev) merged[at] = message;
  }
  return merged;
}

/**
 * Renews a message in a window that has it, and what its answers quote of it. In other windows it
 * does not appear: its reader may have deleted it.
 */
export function renew(loaded: MessageWindow, message: Message): MessageWindow {
  const at = place(loaded.items, message.id);
  const known = loaded.items[at];
  if (known?.id !== message.id) return requoted(loaded, message);
  if (known.rev >= message.rev) return loaded;
  return requoted({ ...loaded, items: loaded.items.with(at, message) }, message);
}

/** Renews what the answers to a message quote of it. */
function requoted(loaded: MessageWindow, message: Message): MessageWindow {
  const answers = ({ reply_to }: Message) => reply_to?.id === message.id;
  if (!loaded.items.some(answers)) return loaded;
  const shown = message.body === "" ? (message.attachments?.[0]?.name ?? "") : message.body;
  const preview = [...shown].slice(0, 100).join("");
  const quote = (one: Message) =>
    one.reply_to !== undefined && answers(one)
      ? { ...one, reply_to: { ...one.reply_to, preview } }
      : one;
  return { ...loaded, items: loaded.items.map(quote) };
}

/** Puts a new message into a window that it comes next to. */
export function take(loaded: MessageWindow, message: Message): MessageWindow {
  const at = place(loaded.items, message.id);
  if (loaded.items[at]?.id === message.id) return renew(loaded, message);
  // Late ones come between others; one beyond the ends only where nothing is between.
  const belongs = (at > 0 || !loaded.before) && (at < loaded.items.length || !loaded.after);
  if (!belongs) return loaded;
  const first = at === 0 ? loaded.first - 1 : loaded.first;
  return { ...loaded, items: loaded.items.toSpliced(at, 0, message), first };
}

/**
 * Keeps at most `most` messages, without the oldest or the newest: a message that is cut off can be
 * loaded again.
 */
export function cut(loaded: MessageWindow, most: number, end: "oldest" | "newest"): MessageWindow {
  const over = loaded.items.length - most;
  if (over <= 0) return loaded;
  if (end === "newest") return { ...loaded, items: loaded.items.slice(0, most), after: true };
  return {
    ...loaded,
    items: loaded.items.slice(over),
    first: loaded.first + over,
    before: true,
  };
}

/** Shows a reaction on a message before the server confirms it. */
export function reacted(
  loaded: MessageWindow,
  id: number,
  emoji: string,
  user: string,
  added: boolean,
): MessageWindow {
  const at = place(loaded.items, id);
  const message = loaded.items[at];
  if (message?.id !== id) return loaded;
  const reactions = message.reactions ?? [];
  const isKnown = reactions.some((one) => one.emoji === emoji);
  const { count = 0, user_ids = [] } = reactions.find((one) => one.emoji === emoji) ?? {};
  if (user_ids.includes(user) === added) return loaded;
  const others = user_ids.filter((other) => other !== user);
  const now = {
    emoji,
    count: count + (added ? 1 : -1),
    user_ids: added ? [...others, user] : others,
  };
  const next = isKnown
    ? reactions.map((one) => (one.emoji === emoji ? now : one))
    : [...reactions, now];
  const shown = next.filter((one) => one.count > 0);
  return { ...loaded, items: loaded.items.with(at, { ...message, reactions: shown }) };
}

/** Removes messages: those in `ids`, and all up to `upTo`. */
export function without(
  loaded: MessageWindow,
  ids: readonly number[],
  upTo: number | undefined,
): MessageWindow {
  const gone = new Set(ids);
  const isGone = ({ id }: Message) => gone.has(id) || (upTo !== undefined && id <= upTo);
  const items = loaded.items.filter((message) => !isGone(message));
  if (items.length === loaded.items.length) return loaded;
  return { ...loaded, items, before: loaded.before && upTo === undefined };
}
