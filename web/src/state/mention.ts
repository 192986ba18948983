/** Mentions in a text. */

import type { Chat, Message } from "@carrier/client";

import { folded } from "./letters";
import type { Limits, Profile, World } from "./world";

/** The name that stands for all members of a group; nobody has it. */
export const ALL = "all";

/** An @, or the wide one of an input method, without a word before it. */
const AT = "(?<![\\w@.-])[@\uff20]";
const MENTION = new RegExp(`${AT}([\\w.-]{3,64})`, "g");
/** The same, and what is written of a name behind it; an address has an @ behind a slash. */
const BEGUN = new RegExp(`(?<!/)${AT}([\\p{L}\\p{M}\\p{N}_.-]*)$`, "u");
/** People that are suggested at most. */
const MOST_SUGGESTED = 6;

export interface Mention {
  start: number;
  end: number;
  /** The username, in small letters. */
  name: string;
}

/**
 * Finds the mentions of names that exist. A name may have dots and dashes, and a sentence may end
 * after it: "thanks, @bob."
 */
export function mentionsIn(text: string, isName: (name: string) => boolean): Mention[] {
  return [...text.matchAll(MENTION)].flatMap(({ index, 1: word = "" }) => {
    let name = word.toLowerCase();
    while (!isName(name) && /[._-]$/.test(name)) name = name.slice(0, -1);
    return isName(name) ? [{ start: index, end: index + 1 + name.length, name }] : [];
  });
}

/** Code and addresses: an `@` in them names nobody. */
const NOT_NAMING = new RegExp(
  "^[^\\S\\n]*(`{3,}|~{3,})[^]*?(?:^[^\\S\\n]*\\1|(?![^]))" +
    "|(?<!`)(`+)(?!`)[^]+?(?<!`)\\2(?!`)|(?:https?://|www\\.)\\S+",
  "gim",
);

/** Returns the ids of the people whom a text mentions, each once. */
export function mentionedIds(text: string, people: readonly Profile[]): string[] {
  if (!/[@\uff20]/.test(text)) return [];
  const ids = new Map(people.map(({ id, username }) => [username.toLowerCase(), id]));
  const mentions = mentionsIn(text.replaceAll(NOT_NAMING, " "), (name) => ids.has(name));
  return [...new Set(mentions.flatMap(({ name }) => ids.get(name) ?? []))];
}

/** True for a text in which `@all` stands. */
export const namesAll = (text: string): boolean =>
  mentionsIn(text.replaceAll(NOT_NAMING, " "), (name) => name === ALL).length > 0;

/** True where I may mention all members: the server refuses it elsewhere. */
export const mayMentionAll = (chat: Chat, limits: Limits): boolean =>
  chat.kind === "group" && (chat.my.role !== "member" || chat.member_count <= limits.mention_all);

/** Returns the members of a chat whose names are known. */
export const knownMembers = ({ members, people }: World, chat: Chat): Profile[] =>
  (members[chat.id] ?? chat.members).flatMap(({ user_id }) => people[user_id] ?? []);

/**
 * Returns whom a message mentions after an edit, as if it were sent so: who has left stays, and so
 * does somebody whose name is not known.
 */
export function mentionsAfterEdit(
  now: World,
  chat: Chat,
  { mentions = [] }: Message,
  text: string,
  limits: Limits,
): { mentions: string[]; mentions_all?: boolean } {
  const before = mentions.flatMap((id) => now.people[id] ?? []);
  const unknown = mentions.filter((id) => now.people[id] === undefined);
  const named = mentionedIds(text, [...before, ...knownMembers(now, chat)]);
  return {
    mentions: [...unknown, ...named],
    ...(mayMentionAll(chat, limits) && { mentions_all: namesAll(text) }),
  };
}

/** True for a message of another that mentions me, by name or with all. */
export const mentionsMe = ({ mentions, mentions_all }: Message, me: string | undefined): boolean =>
  mentions_all === true || (me !== undefined && mentions?.includes(me) === true);

/** Returns the name that is being written before the caret, in small letters, after its @. */
export function nameBefore(text: string, caret: number): string | undefined {
  return BEGUN.exec(text.slice(0, caret))?.[1]?.toLowerCase();
}

/**
 * Returns the people whose username or name begins with `start`, and then those whose name has
 * another word that does.
 */
export function suggested(start: string, people: readonly Profile[]): Profile[] {
  const sought = folded(start);
  const namesOf = (one: Profile) => [one.username, one.display_name].map(folded);
  const hasWord = ({ display_name }: Profile) =>
    folded(display_name)
      .split(/[^\p{L}\p{M}\p{N}]+/u)
      .some((word) => word.startsWith(sought));
  const first = people.filter((one) => namesOf(one).some((name) => name.startsWith(sought)));
  const others = people.filter((one) => !first.includes(one) && hasWord(one));
  return [...first, ...others].slice(0, MOST_SUGGESTED);
}

/** Returns the text before the caret with the begun name completed. */
export const completeName = (before: string, username: string): string =>
  before.replace(/[@\uff20][^@\uff20\s]*$/, `@${username} `);
