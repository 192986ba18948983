/** Texts that are not sent yet, by chat; they outlive a reload. */

import { shared } from "./storage";

/** A longer text would leave no room for what waits to be sent: it is kept by this page alone. */
const LONGEST_DRAFT = 200_000;
const long = new Map<string, string>();

export const draftKey = (user: string, chat: string): string => `carrier.draft.${user}.${chat}`;

export function readDraft(user: string, chat: string): string {
  const key = draftKey(user, chat);
  return long.get(key) ?? shared.getItem(key) ?? "";
}

export function keepDraft(user: string, chat: string, text: string): void {
  const key = draftKey(user, chat);
  const isLong = text.length > LONGEST_DRAFT;
  if (isLong) long.set(key, text);
  else long.delete(key);
  if (text.trim() === "" || isLong) shared.removeItem(key);
  else shared.setItem(key, text);
}

export function forgetDrafts(user: string): void {
  const prefix = draftKey(user, "");
  for (const key of long.keys()) if (key.startsWith(prefix)) long.delete(key);
  for (const key of shared.keys()) if (key.startsWith(prefix)) shared.removeItem(key);
}
