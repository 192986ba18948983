/** Searches messages. */

import { type components, value } from "@carrier/client";

import { api } from "../client";
import { searchable } from "../state/search";
import { limits } from "./limits";
import { needPeople } from "./people";

type Schemas = components["schemas"];

/** Hits in one page. */
const PAGE = 30;
/** Pages without a hit that are passed over: a page ends early where much was read. */
const MOST_EMPTY = 8;

export async function findMessages(
  words: string,
  chat: string | undefined,
  cursor: string | undefined,
): Promise<Schemas["Hits"]> {
  const q = searchable(words, limits().search);
  if (q === "") return { items: [], partial: false };
  const ask = async (place: string | undefined) => {
    const query = {
      q,
      limit: PAGE,
      ...(chat !== undefined && { chat_id: chat }),
      ...(place !== undefined && { cursor: place }),
    };
    return value(await api.GET("/search", { params: { query } }));
  };
  let page = await ask(cursor);
  for (let empty = 0; empty < MOST_EMPTY; empty++) {
    if (page.items.length > 0 || page.next === undefined) break;
    page = await ask(page.next);
  }
  needPeople(page.items.map(({ message }) => message.sender_id));
  return page;
}
