/** Loads pages of a chat's history into its window. */

import { type components, value } from "@carrier/client";

import { api } from "../carrier";
import { needPeople } from "./people";
import { type Window, cut, merge, place } from "./window";
import { change, changeWindow, together, world } from "./world";

type Page = components["schemas"]["Page"];

const PAGE = 80;
/** So many messages of a chat are in memory at most; whoever scrolls on loads the others again. */
const MOST = 2000;
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
  const reactions = Object.fromEntries(found.items.map(({ id }) => [id, found.my_reactions?.[id] ?? []]));
  change(({ mine }) => ({ mine: { ...mine, [chat]: { ...mine[chat], ...reactions } } }));
  return found;
}

function put(chat: string, window: Omit<Window, "first" | "epoch">): void {
  change(({ windows }) => ({ windows: { ...windows, [chat]: { ...window, first: FIRST, epoch: ++epochs } } }));
}

type Alter = (window: Window) => Window;
/** What was told of a chat while a page of it was on its way, which may not have it. */
const meanwhile = new Map<string, Set<Alter[]>>();

/** What is told of a chat's messages. */
export function changeHistory(chat: string, alter: Alter): void {
  changeWindow(chat, alter);
  meanwhile.get(chat)?.forEach((told) => told.push(alter));
}

/** Loads something of a chat, and then does to it what was told meanwhile. */
async function load(chat: string, query: Parameters<typeof page>[1], then: (found: Page) => void): Promise<void> {
  const told: Alter[] = [];
  const all = meanwhile.get(chat) ?? new Set();
  meanwhile.set(chat, all.add(told));
  try {
    const found = await page(chat, query);
    together(() => {
      then(found);
      told.forEach((alter) => changeWindow(chat, alter));
    });
  } finally {
    all.delete(told);
    if (all.size === 0) meanwhile.delete(chat);
  }
}

/** The newest messages, in the place of whatever was loaded. */
export function loadNewest(chat: string): Promise<void> {
  return once(`newest ${chat}`, () => load(chat, {}, ({ items, prev }) => put(chat, { items, before: prev !== undefined, after: false })));
}

/** The messages around one of them, which is shown; or is only where to begin. */
function loadAround(chat: string, id: number, isFocus: boolean): Promise<void> {
  return once(`around ${chat} ${id}`, () =>
    load(chat, { around: id }, ({ items, prev, next }) =>
      put(chat, { items, ...(isFocus && { focus: { id } }), before: prev !== undefined, after: next !== undefined }),
    ),
  );
}

/** The messages before those that are loaded. */
export function loadBefore(chat: string): Promise<void> {
  const window = world().windows[chat];
  if (window?.before !== true) return Promise.resolve();
  return once(`before ${chat}`, () =>
    load(chat, { before: window.items[0]?.id ?? Number.MAX_SAFE_INTEGER }, (found) =>
      changeWindow(chat, (now) => {
        if (now.items[0]?.id !== window.items[0]?.id) return now; // it was loaded anew meanwhile
        const items = [...found.items, ...now.items];
        return cut({ ...now, items, first: now.first - found.items.length, before: found.prev !== undefined }, MOST, "newest");
      }),
    ),
  );
}

/** The messages after those that are loaded. */
export function loadAfter(chat: string): Promise<void> {
  const window = world().windows[chat];
  const last = window?.items.at(-1);
  if (window?.after !== true || last === undefined) return Promise.resolve();
  return once(`after ${chat}`, () =>
    load(chat, { after: last.id }, (found) =>
      changeWindow(chat, (now) => {
        if (now.items.at(-1)?.id !== last.id) return now;
        return cut({ ...now, items: merge(now.items, found.items), after: found.next !== undefined }, MOST, "oldest");
      }),
    ),
  );
}

/** What was begun to be looked at when there are more unread than a page has begins where they begin. */
export function loadFirst(chat: string): Promise<void> {
  const { unread_count = 0, my } = world().chats[chat] ?? {};
  return unread_count > PAGE / 2 && my !== undefined && my.read > 0 ? loadAround(chat, my.read, false) : loadNewest(chat);
}

/** Nobody looks at a chat any more: its end is kept, for when it is opened again. */
export function leave(chat: string): void {
  change(({ windows }) => {
    const { [chat]: window, ...others } = windows;
    if (window === undefined) return {};
    if (window.after) return { windows: others };
    const { focus: _, ...end } = cut(window, PAGE, "oldest");
    return { windows: { ...others, [chat]: end } };
  });
}

/** A message comes on screen, wherever it is. */
export async function jump(chat: string, id: number): Promise<void> {
  const window = world().windows[chat];
  if (window === undefined || window.items[place(window.items, id)]?.id !== id) return loadAround(chat, id, true);
  changeWindow(chat, (now) => ({ ...now, focus: { id } }));
}
