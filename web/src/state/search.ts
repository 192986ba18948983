/** What somebody looks for, and in which chat. */

import { create } from "zustand";

export const useSearch = create<{ words: string; chat: string | undefined }>(() => ({ words: "", chat: undefined }));

export function setWords(words: string): void {
  useSearch.setState({ words });
}

export function endSearch(): void {
  useSearch.setState({ words: "", chat: undefined });
}

/** The field is where the chats are. */
export function focusSearch(): void {
  document.getElementById("search")?.focus();
}

/** Only in this chat. */
export function searchIn(chat: string): void {
  useSearch.setState({ words: "", chat });
  setTimeout(focusSearch); // it is drawn first
}
