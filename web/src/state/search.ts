/** The words of the search field, the chat that is searched, and the names that have the words. */

import type { Chat } from "@carrier/client";
import { createStore } from "zustand/vanilla";

import { firstCharacters } from "./characters";
import { inOrder } from "./chats";
import { folded } from "./letters";
import type { Profile, World } from "./world";

export interface Search {
  words: string;
  /** `undefined`: all chats. */
  chat: string | undefined;
  /** True once the first result is to be opened as soon as there is one. */
  opensFirst: boolean;
}

const NO_SEARCH: Search = { words: "", chat: undefined, opensFirst: false };
/** Chats, people and groups that a search shows at most, of each. */
const MOST = 6;

/** Words that the server looks for in one search at most. */
const MOST_WORDS = 10;
/** Words, and what signs join to one, as an address or an apostrophe. */
const WORDS = /[\p{L}\p{M}\p{N}.\-_/\\@:'\u00b4\u2018\u2019\u201b\uff07\u055a\u05f3+#&=~%*$?]+/gu;

/** Returns as much of a text as the server looks for; nothing when it has no letter or digit. */
export function searchable(text: string, most: number): string {
  const start = firstCharacters(text, most);
  const words = [...start.matchAll(WORDS)].filter(([word]) => /[\p{L}\p{N}]/u.test(word));
  const next = words[MOST_WORDS];
  if (words.length === 0) return "";
  return next === undefined ? start : start.slice(0, next.index).trim();
}

/** True for what has the form of an address of mail, by which a chat can be begun. */
export const isAddress = (words: string): boolean => /^\S+@\S+\.\S+$/.test(words);

export const searchStore = createStore<Search>(() => NO_SEARCH);

export function setWords(words: string): void {
  searchStore.setState({ words, opensFirst: false });
}

export function openFirst(opensFirst: boolean): void {
  searchStore.setState({ opensFirst });
}

export function endSearch(): void {
  searchStore.setState(NO_SEARCH);
}

/** Begins a search in one chat only. */
export function startSearchIn(chat: string): void {
  searchStore.setState({ ...NO_SEARCH, chat });
}

/** Looks for the same words in all chats. */
export function searchEverywhere(): void {
  searchStore.setState({ chat: undefined });
}

/** Chats and people by name, and then the groups that such people are in. */
export interface Named {
  chats: Chat[];
  people: Profile[];
  groups: Chat[];
  /** True when the first person fits better than the first chat. */
  isPersonFirst: boolean;
}

/** The rank of what has not the words in any of its names. */
const UNFIT = 3;

/** Returns 0 for a name that is the words, 1 for one with a word that begins so, 2 for others. */
function rankOf(name: string, sought: string): number {
  if (name === sought) return 0;
  const word = /[\p{L}\p{M}\p{N}]/u;
  let rank = UNFIT;
  for (let at = name.indexOf(sought); at >= 0; at = name.indexOf(sought, at + 1)) {
    if (at === 0 || !word.test(name.charAt(at - 1))) return 1;
    rank = 2;
  }
  return rank;
}

/**
 * Finds what is known by its name: first what is named so, then what has a word that begins so. A
 * person comes before a group that fits no better.
 */
export function findNamed(words: string, { chats, people, me }: World): Named {
  const sought = folded(words);
  const rank = (names: readonly (string | undefined)[]): number =>
    Math.min(UNFIT, ...names.map((name) => (name ? rankOf(folded(name), sought) : UNFIT)));
  const best = <T>(all: readonly T[], namesOf: (one: T) => (string | undefined)[]): T[] =>
    all
      .map((one) => ({ one, at: rank(namesOf(one)) }))
      .filter(({ at }) => at < UNFIT)
      .sort((a, b) => a.at - b.at)
      .map(({ one }) => one);
  const namesOf = (one: Profile | undefined) => [one?.display_name, one?.username];
  const namesOfChat = ({ name, peer }: Chat) => [name, ...namesOf(peer)];
  const ordered = inOrder(chats);
  const isGroup = ({ kind }: Chat) => kind === "group";
  const directFirst = ordered.toSorted((a, b) => Number(isGroup(a)) - Number(isGroup(b)));
  const named = best(directFirst, namesOfChat);
  const peers = new Set(ordered.map(({ peer }) => peer?.id));
  const others = Object.values(people).filter(
    ({ id, username }) => id !== me?.id && username !== "" && !peers.has(id),
  );
  const groups = ordered.filter((chat) => chat.kind === "group" && !named.includes(chat));
  const namesIn = ({ members }: Chat) =>
    members
      .filter(({ user_id }) => user_id !== me?.id)
      .flatMap((one) => namesOf(people[one.user_id]));
  const found = best(others, namesOf);
  const [chat] = named;
  const [ofPerson, ofChat] = [rank(namesOf(found[0])), rank(chat ? namesOfChat(chat) : [])];
  const isNoWorse = ofPerson === ofChat && chat?.kind === "group";
  return {
    chats: named.slice(0, MOST),
    people: found.slice(0, MOST),
    groups: best(groups, namesIn).slice(0, MOST),
    isPersonFirst: ofPerson < ofChat || isNoWorse,
  };
}
