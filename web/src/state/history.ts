/** Loads pages of a chat's history into its window. */

import { type components, value } from "@carrier/client";

import { api } from "../carrier";
import { needPeople } from "./people";
import { type Window, merge, place } from "./window";
import { change, changeWindow, world } from "./world";

type Page = components["schemas"]["Page"];

const PAGE = 80;
/** In the middle of numbers that a virtual list may count in both directions. */
const FIRST = 1_000_000_000;
let epochs = 0;
/** Pages that are on their way, so that none is asked for twice. */
const loading = new Map<string, Promise<void>>();

function once(key: string, load: () => Promise<void>): Promise<void> {
  const there = loading.get(key);
  if (there !== undefined) return there;
  const promise = load().finally(() => loading.delete(key));
  loading.set(key, promise);
  return promise;
}

async function page(chat: string, query: { before?: number; after?: number; around?: number }): Promise<Page> {
  const found = value(await api.GET("/chats/{chat_id}/messages", { params: { path: { chat_id: chat }, query: { ...query, limit: PAGE } } }));
  needPeople(found.items.map((message) => message.sender_id));
  const reactions = found.my_reactions;
  if (reactions !== undefined) change(({ mine }) => ({ mine: { ...mine, [chat]: { ...mine[chat], ...reactions } } }));
  return found;
}

function put(chat: string, window: Omit<Window, "first" | "epoch">): void {
  change(({ windows }) => ({ windows: { ...windows, [chat]: { ...window, first: FIRST, epoch: ++epochs } } }));
}

/** The newest messages, in the place of whatever was loaded; what is told meanwhile is not lost. */
export function loadNewest(chat: string): Promise<void> {
  return once(`newest ${chat}`, async () => {
    const found = await page(chat, {});
    const told = world().chats[chat]?.last_message;
    const items = told === undefined || told.id < (found.items.at(-1)?.id ?? 0) ? found.items : merge(found.items, [told]);
    put(chat, { items, before: found.prev !== undefined, after: false });
  });
}

/** The messages around one of them, which is shown; or is only where to begin. */
function loadAround(chat: string, id: number, isFocus: boolean): Promise<void> {
  return once(`around ${chat} ${id}`, async () => {
    const found = await page(chat, { around: id });
    put(chat, { items: found.items, ...(isFocus && { focus: id }), before: found.prev !== undefined, after: found.next !== undefined });
  });
}

/** The messages before those that are loaded. */
export function loadBefore(chat: string): Promise<void> {
  const window = world().windows[chat];
  if (window?.before !== true) return Promise.resolve();
  return once(`before ${chat}`, async () => {
    const found = await page(chat, { before: window.items[0]?.id ?? Number.MAX_SAFE_INTEGER });
    changeWindow(chat, (now) => {
      if (now.items[0]?.id !== window.items[0]?.id) return now; // it was loaded anew meanwhile
      const items = [...found.items, ...now.items];
      return { ...now, items, first: now.first - found.items.length, before: found.prev !== undefined };
    });
  });
}

/** The messages after those that are loaded. */
export function loadAfter(chat: string): Promise<void> {
  const window = world().windows[chat];
  const last = window?.items.at(-1);
  if (window?.after !== true || last === undefined) return Promise.resolve();
  return once(`after ${chat}`, async () => {
    const found = await page(chat, { after: last.id });
    changeWindow(chat, (now) => {
      if (now.items.at(-1)?.id !== last.id) return now;
      return { ...now, items: merge(now.items, found.items), after: found.next !== undefined };
    });
  });
}

/** What was begun to be looked at when there are more unread than a page has begins where they begin. */
export function loadFirst(chat: string): Promise<void> {
  const { unread_count = 0, my } = world().chats[chat] ?? {};
  return unread_count > PAGE / 2 && my !== undefined && my.read > 0 ? loadAround(chat, my.read, false) : loadNewest(chat);
}

/** A message comes on screen, wherever it is. */
export async function jump(chat: string, id: number): Promise<void> {
  const window = world().windows[chat];
  if (window === undefined || window.items[place(window.items, id)]?.id !== id) return loadAround(chat, id, true);
  changeWindow(chat, (now) => ({ ...now, focus: id }));
}
