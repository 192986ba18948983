/** Loads pages of a chat's history into its window. */

import { type components, value } from "@carrier/client";

import { api } from "../client";
import { PAGE } from "../state/first-look";
import {
  isLoaded,
  leaveWindow,
  openWindow,
  withMyReactions,
  withNewer,
  withOlder,
  withWindow,
  withWindowChange,
} from "../state/history";
import { withFewMarks } from "../state/markdown";
import { placeOf } from "../state/places";
import { batch, change, type World, world } from "../state/world";
import { recordChanges } from "./loading-pages";
import { prepareMarkdown } from "./markdown";
import { needPeople } from "./people";

type Page = components["schemas"]["Page"];
type Place = { before?: number; after?: number; around?: number };

/** The time for which a page waits until its texts are parsed. */
const PATIENCE_MS = 60;

/** Pages that are on their way, so that none is asked for twice. */
const loading = new Map<string, Promise<void>>();

function once(key: string, load: () => Promise<void>): Promise<void> {
  const known = loading.get(key);
  if (known !== undefined) return known;
  const promise = load().finally(() => loading.delete(key));
  loading.set(key, promise);
  return promise;
}

async function fetchPage(chat: string, place: Place): Promise<Page> {
  const params = { path: { chat_id: chat }, query: { ...place, limit: PAGE } };
  const page = value(await api.GET("/chats/{chat_id}/messages", { params }));
  needPeople(page.items.map((message) => message.sender_id));
  change((now) => withMyReactions(now, chat, page));
  const texts = page.items.map((message) => withFewMarks(message.body));
  await prepareMarkdown(texts, PATIENCE_MS); // rows that grow later would move what is read
  return page;
}

/** Loads a page, and then repeats on it what has changed meanwhile. */
async function load(
  chat: string,
  place: Place,
  put: (world: World, page: Page) => World,
): Promise<void> {
  const { changes, end } = recordChanges(chat);
  try {
    const page = await fetchPage(chat, place);
    batch(() => {
      change((now) => put(now, page));
      for (const one of changes) change((now) => withWindowChange(now, chat, one));
    });
  } finally {
    end();
  }
}

/** Loads the newest messages, in the place of all that was loaded. */
export function loadNewest(chat: string): Promise<void> {
  return once(`newest ${chat}`, () =>
    load(chat, {}, (now, { items, prev }) =>
      openWindow(now, chat, { items, before: prev !== undefined, after: false }),
    ),
  );
}

/** Loads the messages around one of them, and brings it on screen when it `isFocus`. */
function loadAround(chat: string, id: number, isFocus: boolean): Promise<void> {
  return once(`around ${chat} ${id}`, () =>
    load(chat, { around: id }, (now, { items, prev, next }) =>
      openWindow(now, chat, {
        items,
        ...(isFocus && { focus: { id } }),
        before: prev !== undefined,
        after: next !== undefined,
      }),
    ),
  );
}

/** Loads the messages before those that are loaded. */
export function loadBefore(chat: string): Promise<void> {
  const loaded = world().windows[chat];
  if (loaded?.before !== true) return Promise.resolve();
  const from = loaded.items[0]?.id;
  return once(`before ${chat}`, () =>
    load(chat, { before: from ?? Number.MAX_SAFE_INTEGER }, (now, page) =>
      withOlder(now, chat, from, page),
    ),
  );
}

/** Loads the messages after those that are loaded. */
export function loadAfter(chat: string): Promise<void> {
  const loaded = world().windows[chat];
  const from = loaded?.items.at(-1)?.id;
  if (loaded?.after !== true || from === undefined) return Promise.resolve();
  return once(`after ${chat}`, () =>
    load(chat, { after: from }, (now, page) => withNewer(now, chat, from, page)),
  );
}

/** Loads the place where a chat was left, or where many unread begin, or the end; once. */
export function loadFirst(chat: string): Promise<void> {
  if (world().windows[chat] !== undefined) return Promise.resolve();
  const left = placeOf(chat);
  if (left !== undefined) return loadAround(chat, left.id, false);
  const { unread_count = 0, my } = world().chats[chat] ?? {};
  return unread_count > PAGE / 2 && my !== undefined && my.read > 0
    ? loadAround(chat, my.read, false)
    : loadNewest(chat);
}

export function leave(chat: string): void {
  change((now) => leaveWindow(now, chat, placeOf(chat)?.id));
}

/** Brings a message on screen, wherever it is. */
export async function jump(chat: string, id: number): Promise<void> {
  if (!isLoaded(world(), chat, id)) return loadAround(chat, id, true);
  change((now) => withWindow(now, chat, (loaded) => ({ ...loaded, focus: { id } })));
}
