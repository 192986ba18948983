/** What the page shows first at an address, and where it comes from. */

/** Chats in one page of the list. */
export const CHATS_PAGE = 100;
/** Messages in one page of a history. */
export const PAGE = 80;

/** The first page of the list of chats. */
export const FIRST_CHATS = `/chats?archived=false&limit=${CHATS_PAGE}`;

/** A chat that is open, and the message of it to show. */
export interface OpenChat {
  chat: string;
  at: number | undefined;
}

/** Returns the chat that an address opens. */
export function chatAddress({
  pathname,
  search,
}: Pick<Location, "pathname" | "search">): OpenChat | undefined {
  const chat = /^\/c\/([\w-]+)$/.exec(pathname)?.[1];
  if (chat === undefined) return undefined;
  return { chat, at: Number(new URLSearchParams(search).get("at")) || undefined };
}

/** Returns where the messages are that an address shows: around one of them, or the newest. */
export function firstMessages({ chat, at }: OpenChat): string {
  const around = at === undefined ? "" : `around=${at}&`;
  return `/chats/${chat}/messages?${around}limit=${PAGE}`;
}
