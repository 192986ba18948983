/** Changes of a chat's messages while a page of them is on its way, which may not have them. */

import type { WindowChange } from "../state/window";

const loading = new Map<string, Set<WindowChange[]>>();

/** Records the changes of a chat from now on, until `end` is called. */
export function recordChanges(chat: string): { changes: WindowChange[]; end: () => void } {
  const changes: WindowChange[] = [];
  const ofChat = loading.get(chat) ?? new Set();
  loading.set(chat, ofChat.add(changes));
  const end = () => {
    ofChat.delete(changes);
    if (ofChat.size === 0) loading.delete(chat);
  };
  return { changes, end };
}

/** Keeps a change for the pages of a chat that are on their way. */
export function changeLoadingPages(chat: string, change: WindowChange): void {
  for (const changes of loading.get(chat) ?? []) changes.push(change);
}
