import { startSearchIn } from "../state/search";

/** The id of the search field, which is above the list of chats. */
export const SEARCH_FIELD = "search";

export function focusSearch(): void {
  document.getElementById(SEARCH_FIELD)?.focus();
}

/** Begins a search in one chat, at the search field. */
export function searchIn(chat: string): void {
  startSearchIn(chat);
  setTimeout(focusSearch); // the field is drawn first
}
