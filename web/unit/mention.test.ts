import { describe, expect, test } from "vitest";

import {
  completeName,
  mayMentionAll,
  mentionedIds,
  mentionsAfterEdit,
  mentionsIn,
  mentionsMe,
  nameBefore,
  namesAll,
  suggested,
} from "../src/state/mention";
import type { Limits } from "../src/state/world";
import { chat, ME, member, message, profile, world } from "./support";

const people = [profile("Bob"), profile("ann.b", { display_name: "Ann" }), profile("x_y-z")];

describe("mentionedIds", () => {
  test.each([
    ["hello", []],
    ["@bob", ["Bob"]],
    ["@BOB and @Ann.B", ["Bob", "ann.b"]],
    ["thanks, @bob.", ["Bob"]],
    ["thanks, @ann.b...", ["ann.b"]],
    ["@bob @bob", ["Bob"]],
    ["(@x_y-z)", ["x_y-z"]],
    ["@nobody", []],
    ["mail bob@bob", []],
    ["@@bob", []],
    ["@bobby", []],
    ["`@bob` and ``a ` @bob``", []],
    ["```\n@bob\n```\n@ann.b", ["ann.b"]],
    ["```java\n@Bob\nclass A {}", []],
    ["~~~\n@bob\n~~~", []],
    ["a ` @bob", ["Bob"]],
    ["`code` @bob `code`", ["Bob"]],
    ["https://medium.example/@bob/a www.a.example/@bob", []],
    ["https://a.example/ @bob", ["Bob"]],
    ["\uff20bob", ["Bob"]],
    ["\u4f60\u597d\uff20bob\u4f60\u597d @ann.b\u3055\u3093", ["Bob", "ann.b"]],
    ["a\uff20bob @\uff20bob", []],
  ])("%s names %j", (text, ids) => {
    expect(mentionedIds(text, people)).toEqual(ids);
  });
});

test("a mention tells where it stands, without the end of the sentence", () => {
  const text = "so, @Bob.";
  const [found] = mentionsIn(text, (name) => name === "bob");
  expect(found).toEqual({ start: 4, end: 8, name: "bob" });
});

test.each([
  ["@all", true],
  ["so, @All!", true],
  ["that is for @all.", true],
  ["all", false],
  ["@allan", false],
  ["ann@all", false],
])("that %j names all is %s", (text, names) => {
  expect(namesAll(text)).toBe(names);
});

test.each([
  ["direct", "member", 2, false],
  ["group", "member", 32, true],
  ["group", "member", 33, false],
  ["group", "admin", 33, true],
  ["group", "owner", 1000, true],
] as const)("in a %s, that a mere %s of %i may mention all is %s", (kind, role, count, may) => {
  const my = { role, read: 0, delivered: 0 };
  const limits = { mention_all: 32 } as Limits;
  expect(mayMentionAll(chat({ kind, my, member_count: count }), limits)).toBe(may);
});

describe("after an edit", () => {
  const [bob, ann, gone] = [profile("Bob"), profile("ann.b"), profile("gone")];
  const limits = { mention_all: 32 } as Limits;
  const group = chat({
    kind: "group",
    members: [member(ME), member("Bob"), member("ann.b"), member("unknown")],
  });
  const now = world([group], { people: { Bob: bob, "ann.b": ann, gone } });
  const mentions = (text: string, before: string[] = []) =>
    mentionsAfterEdit(now, group, message(1, { mentions: before }), text, limits);

  test.each([
    ["@bob", [], ["Bob"]],
    ["`@bob` https://a.example/@bob", ["Bob"], []],
    ["hello", ["Bob", "ann.b"], []],
    ["@ann.b", ["Bob"], ["ann.b"]],
    ["@gone", ["gone"], ["gone"]], // who has left
    ["@gone", [], []],
    ["hello", ["unknown", "stranger"], ["unknown", "stranger"]],
  ])("%j, that mentioned %j, mentions %j", (text, before, after) => {
    expect(mentions(text, before)).toEqual({ mentions: after, mentions_all: false });
  });

  test("all are mentioned as in a new message, where I may", () => {
    expect(mentions("@all").mentions_all).toBe(true);
    expect(mentions("`@all`").mentions_all).toBe(false);
    const direct = mentionsAfterEdit(now, chat(), message(1), "@all", limits);
    expect(direct).toEqual({ mentions: [] });
  });
});

test("a message mentions me by name, or with all", () => {
  const isOne = (more = {}) => mentionsMe(message(1, more), ME);
  expect([isOne(), isOne({ mentions: ["Bob"] })]).toEqual([false, false]);
  expect([isOne({ mentions: ["Bob", ME] }), isOne({ mentions_all: true })]).toEqual([true, true]);
});

test.each([
  ["@", 1, ""],
  ["hi @Bo", 6, "bo"],
  ["hi @Bo", 5, "b"],
  ["hi @bob there", 13, undefined],
  ["mail@bo", 7, undefined],
  ["hi @\u05e9\u05e8", 6, "\u05e9\u05e8"],
  ["\u05d4\u05d9 @\u00c5ke\u0301", 8, "\u00e5ke\u0301"],
  ["hi @\u5f20", 5, "\u5f20"],
  ["(@bo", 4, "bo"],
  ["\u201c@bo", 4, "bo"],
  ["\u4f60\u597d@bo", 5, "bo"],
  ["hi\u3000@bo", 6, "bo"],
  ["\uff20bo", 3, "bo"],
  ["\u4f60\u597d\uff20\u5f20", 4, "\u5f20"],
  ["a\uff20bo", 4, undefined],
  ["https://a.example/@bo", 21, undefined],
  ["a.@bo", 5, undefined],
  ["@@bo", 4, undefined],
])("in %j at %i, %j is being written", (text, caret, name) => {
  expect(nameBefore(text, caret)).toBe(name);
});

test("people are suggested by the start of either name", () => {
  const find = (start: string) => suggested(start, people).map(({ id }) => id);
  expect(find("b")).toEqual(["Bob"]);
  expect(find("an")).toEqual(["ann.b"]);
  expect(find("")).toHaveLength(3);
  expect(
    suggested(
      "",
      Array.from({ length: 9 }, (_, at) => profile(`p${at}`)),
    ),
  ).toHaveLength(6);
});

test.each([
  ["zoe", "Zoë"],
  ["lukasz", "Łukasz"],
  ["ibrahim", "İbrahim"],
  ["ŁUK".toLowerCase(), "Lukas"],
])("@%s suggests %s", (start, name) => {
  expect(suggested(start, [profile("p1", { display_name: name })])).toHaveLength(1);
});

test.each([
  ["smith", ["a", "b"]],
  ["zoe", ["a", "b"]],
  ["jo", ["b", "c"]],
  ["lane", ["c"]],
  ["mit", []],
  ["\u0161tur", ["d"]],
])("@%s suggests those who begin so, and then those with such a word: %j", (start, ids) => {
  const all = [
    profile("a", { username: "smith.z", display_name: "Zoe Smith" }),
    profile("b", { username: "zsmith", display_name: "Zo\u00eb Jo Smithson" }),
    profile("c", { username: "jo-lane", display_name: "Jo (Lane) Park" }),
    profile("d", { username: "ann.d", display_name: "Ann \u0160t\u00far" }),
  ];
  const found = suggested(start, all).map(({ id }) => id);
  expect(found.toSorted()).toEqual(ids);
  expect(found[0]).toBe(start === "jo" ? "c" : ids[0]);
});

test("a begun name is completed", () => {
  expect(completeName("hi @bo", "bob")).toBe("hi @bob ");
  expect(completeName("hi @\u05e9\u05e8", "sarah")).toBe("hi @sarah ");
  expect(completeName("\u4f60\u597d\uff20\u5f20", "zhang")).toBe("\u4f60\u597d@zhang ");
  expect(completeName("(@bo", "bob")).toBe("(@bob ");
});
