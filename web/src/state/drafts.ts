/** What somebody began to write, by chat; it outlives a reload. */

export const draftKey = (user: string, chat: string) => `carrier.draft.${user}.${chat}`;

export function draft(user: string, chat: string): string {
  return localStorage.getItem(draftKey(user, chat)) ?? "";
}

export function forgetDrafts(user: string): void {
  Object.keys(localStorage)
    .filter((name) => name.startsWith(draftKey(user, "")))
    .forEach((name) => localStorage.removeItem(name));
}

export function keepDraft(user: string, chat: string, text: string): void {
  if (text.trim() === "") localStorage.removeItem(draftKey(user, chat));
  else localStorage.setItem(draftKey(user, chat), text);
}
