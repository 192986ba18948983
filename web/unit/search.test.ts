import type { Chat } from "@carrier/client";
import { beforeEach, describe, expect, test } from "vitest";

import {
  endSearch,
  findNamed,
  openFirst,
  searchable,
  searchEverywhere,
  searchStore,
  setWords,
  startSearchIn,
} from "../src/state/search";
import { chat, ME, member, profile, world } from "./support";

beforeEach(endSearch);

test("a search has words, and perhaps a chat, until it ends", () => {
  const search = () => searchStore.getState();
  setWords("lantern");
  expect(search()).toEqual({ words: "lantern", chat: undefined, opensFirst: false });
  startSearchIn("chat");
  expect(search()).toEqual({ words: "", chat: "chat", opensFirst: false });
  setWords("lantern");
  expect(search()).toMatchObject({ words: "lantern", chat: "chat" });
  searchEverywhere();
  expect(search()).toMatchObject({ words: "lantern", chat: undefined });
  openFirst(true);
  expect(search()).toMatchObject({ opensFirst: true });
  setWords("lanterns"); // other words have another first result
  expect(search()).toMatchObject({ opensFirst: false });
  endSearch();
  expect(search()).toEqual({ words: "", chat: undefined, opensFirst: false });
});

test.each([
  ["a lantern", "a lantern"],
  ["\u{1f389} !!!", ""],
  ["1 2 3 4 5 6 7 8 9 10 11 12", "1 2 3 4 5 6 7 8 9 10"],
  ["1 2 3 4 5 6 7 8 9 - 10", "1 2 3 4 5 6 7 8 9 - 10"],
  ['"quick brown"', '"quick brown"'],
  ["https://a.b/c?d=e&f=g-h-i_j.k/l/m now", "https://a.b/c?d=e&f=g-h-i_j.k/l/m now"],
  [
    "1 2 3 4 5 6 7 8 9 d\u2018e\u201bf\uff07g\u05f3h\u00b4i",
    "1 2 3 4 5 6 7 8 9 d\u2018e\u201bf\uff07g\u05f3h\u00b4i",
  ],
  ["x".repeat(60), "x".repeat(40)],
])("of %j, %j is looked for", (text, words) => {
  expect(searchable(text, 40)).toBe(words);
});

describe("findNamed", () => {
  const cleo = profile("cleo", { display_name: "Cleo Vance" });
  const jonas = profile("jonas", { display_name: "Jonas" });
  const zoe = profile("zoe", { username: "zz", display_name: "Zoë" });
  const peer = profile("b", { username: "tide", display_name: "Bob" });
  const { peer: _, ...base } = chat();
  const group = (id: string, name: string, ...members: string[]) => ({
    ...base,
    id,
    kind: "group" as const,
    name,
    members: [ME, ...members].map((one) => member(one)),
  });
  const chats = [
    chat({ id: "bob", peer }),
    group("regatta", "Regatta", "cleo", "jonas"),
    group("bobs", "All Bobs"),
  ];
  const lodz = profile("lodz", { username: "xx", display_name: "Łódź" });
  const mucke = profile("mucke", { username: "yy", display_name: "Mucke" });
  const nora = profile("nora", { display_name: "Nora O\u02bcBrien" });
  const people = {
    cleo,
    jonas,
    zoe,
    lodz,
    mucke,
    nora,
    b: peer,
    gone: profile("gone", { username: "" }),
  };
  const find = (words: string) => {
    const found = findNamed(words, world(chats, { people }));
    return [found.chats, found.people, found.groups].map((all) => all.map(({ id }) => id));
  };

  test.each([
    ["REGA", [["regatta"], [], []]],
    ["bob", [["bob", "bobs"], [], []]],
    ["tid", [["bob"], [], []]],
    ["jon", [[], ["jonas"], ["regatta"]]],
    ["vance", [[], ["cleo"], ["regatta"]]],
    ["lodz", [[], ["lodz"], []]],
    ["MÜCKE", [[], ["mucke"], []]],
    ["zoe", [[], ["zoe"], []]],
    ["o'brien", [[], ["nora"], []]],
    ["nora o\u2019b", [[], ["nora"], []]],
    ["gone", [[], [], []]], // a deleted account
    [ME, [[], [], []]],
    ["nobody", [[], [], []]],
  ])("%s: chats, people, then groups: %j", (words, ids) => {
    expect(find(words)).toEqual(ids);
  });

  test("what is named so comes first, then words that begin so; a person before a group", () => {
    const direct = chat({ id: "jonas b", peer: profile("jb", { display_name: "Jonas Berg" }) });
    const all = [group("all", "Ann, Jonas, Bob"), direct, group("majonas", "Majonas")];
    const found = (words: string, chats: Chat[]) => {
      const named = findNamed(words, world(chats, { people }));
      return [named.isPersonFirst, ...named.chats.map(({ id }) => id)];
    };
    expect(found("jon", all)).toEqual([false, "jonas b", "all", "majonas"]);
    expect(found("jonas", all)).toEqual([true, "jonas b", "all", "majonas"]); // only Jonas is he
    expect(found("jon", [group("all", "Ann, Jonas, Bob")])).toEqual([true, "all"]);
    expect(found("jon", [group("jon", "Jon")])).toEqual([false, "jon"]);
    expect(found("majo", all)).toEqual([false, "majonas"]);
    expect(found("nobody", all)).toEqual([false]);
  });

  test("finds no more than fit", () => {
    const many = Array.from({ length: 20 }, (_, at) => group(`${at}`, "same"));
    expect(findNamed("same", world(many)).chats).toHaveLength(6);
  });
});
