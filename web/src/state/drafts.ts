/** What somebody began to write, by chat; it outlives a reload. */

const key = (user: string, chat: string) => `carrier.draft.${user}.${chat}`;

export function draft(user: string, chat: string): string {
  return localStorage.getItem(key(user, chat)) ?? "";
}

export function keepDraft(user: string, chat: string, text: string): void {
  if (text.trim() === "") localStorage.removeItem(key(user, chat));
  else localStorage.setItem(key(user, chat), text);
}
