/** Searches messages. */

import { type components, value } from "@carrier/client";

import { api } from "../client";
import { searchable } from "../state/search";
import { limits } from "./limits";
import { needPeople } from "./people";

type Schemas = components["schemas"];

/** Hits in one page. */
const PAGE = 30;

export async function findMessages(
  words: string,
  chat: string | undefined,
  cursor: string | undefined,
): Promise<Schemas["Hits"]> {
  const q = searchable(words, limits().search);
  if (q === "") return { items: [], partial: false };
  const query = {
    q,
    limit: PAGE,
    ...(chat !== undefined && { chat_id: chat }),
    ...(cursor !== undefined && { cursor }),
  };
  const page = value(await api.GET("/search", { params: { query } }));
  needPeople(page.items.map(({ message }) => message.sender_id));
  return page;
}
