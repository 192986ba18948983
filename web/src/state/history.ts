/** The windows of the world: opened, grown, left. Pure functions. */

import type { components } from "@carrier/client";

import { PAGE } from "./first-look";
import { changed, cut, type MessageWindow, merge, place, type WindowChange } from "./window";
import type { World } from "./world";

type Page = components["schemas"]["Page"];

/** Messages of a chat in memory, at most; scrolling on loads the others again. */
const MOST = 2000;
/** In the middle of the numbers that a list may count in both directions. */
const FIRST = 1_000_000_000;

export function withWindow(
  world: World,
  chat: string,
  alter: (loaded: MessageWindow) => MessageWindow,
): World {
  const known = world.windows[chat];
  const now = known && alter(known);
  if (now === undefined || now === known) return world;
  return { ...world, windows: { ...world.windows, [chat]: now } };
}

export const withWindowChange = (world: World, chat: string, change: WindowChange): World =>
  withWindow(world, chat, (loaded) => changed(loaded, change));

/** Opens a window on a page, in the place of the one that the chat has. */
export function openWindow(
  world: World,
  chat: string,
  loaded: Omit<MessageWindow, "first" | "epoch">,
): World {
  const epochs = world.epochs + 1;
  const opened = { ...loaded, first: FIRST, epoch: epochs };
  return { ...world, epochs, windows: { ...world.windows, [chat]: opened } };
}

/**
 * Puts a page before the message `from`; the window stays as it is when it has been loaded anew
 * meanwhile.
 */
export function withOlder(world: World, chat: string, from: number | undefined, page: Page): World {
  return withWindow(world, chat, (loaded) => {
    if (loaded.items[0]?.id !== from) return loaded;
    const items = [...page.items, ...loaded.items];
    const first = loaded.first - page.items.length;
    return cut({ ...loaded, items, first, before: page.prev !== undefined }, MOST, "newest");
  });
}

/** Puts a page after the message `from`, as `withOlder` does before. */
export function withNewer(world: World, chat: string, from: number, page: Page): World {
  return withWindow(world, chat, (loaded) => {
    if (loaded.items.at(-1)?.id !== from) return loaded;
    const items = merge(loaded.items, page.items);
    return cut({ ...loaded, items, after: page.next !== undefined }, MOST, "oldest");
  });
}

/**
 * Keeps the end of a window that nobody looks at any more, for when it is opened again; nothing
 * when it was left at a message that is not near the end.
 */
export function leaveWindow(world: World, chat: string, at?: number): World {
  const { [chat]: loaded, ...others } = world.windows;
  if (loaded === undefined) return world;
  const { focus: _, ...end } = cut(loaded, PAGE, "oldest");
  const hasPlace = at === undefined || end.items.some(({ id }) => id === at);
  if (loaded.after || !hasPlace) return { ...world, windows: others };
  return { ...world, windows: { ...others, [chat]: end } };
}

export function isLoaded(world: World, chat: string, id: number): boolean {
  const items = world.windows[chat]?.items ?? [];
  return items[place(items, id)]?.id === id;
}

/** Takes the reactions of mine that came with a page. */
export function withMyReactions(world: World, chat: string, page: Page): World {
  const known = Object.fromEntries(page.items.map(({ id }) => [id, page.my_reactions?.[id] ?? []]));
  const myReactions = { ...world.myReactions[chat], ...known };
  return { ...world, myReactions: { ...world.myReactions, [chat]: myReactions } };
}

export function withMyReaction(
  world: World,
  chat: string,
  message: number,
  emoji: string,
  added: boolean,
): World {
  const known = world.myReactions[chat]?.[message] ?? [];
  const now = added ? [...new Set([...known, emoji])] : known.filter((other) => other !== emoji);
  const ofChat = { ...world.myReactions[chat], [message]: now };
  return { ...world, myReactions: { ...world.myReactions, [chat]: ofChat } };
}
