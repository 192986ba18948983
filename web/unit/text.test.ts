/** Texts of all scripts: their length, their direction, and what is pasted. */

import { describe, expect, test } from "vitest";

import {
  countCharacters,
  excess,
  firstCharacters,
  initialsOf,
  isOnlyEmoji,
} from "../src/state/characters";
import { isolated } from "../src/state/direction";
import { foldersOf, pastedFiles, tidyName } from "../src/state/files";

test.each([
  ["", 0],
  ["abc", 3],
  ["na\u00efve", 5],
  ["nai\u0308ve", 6],
  ["\ud83d\ude00", 1],
  ["\u{1f468}\u200d\u{1f469}\u200d\u{1f467}", 5],
  ["\u{20bb7}\u91ce\u5bb6", 3],
  ["a\nb", 3],
  ["\ud800", 1],
])("%j has %i characters, as the server counts them", (text, count) => {
  expect(countCharacters(text)).toBe(count);
});

test.each([
  ["abc", 3, "abc"],
  ["abcd", 3, "abc"],
  ["\u{1f40b}\u{1f40b}\u{1f40b}", 2, "\u{1f40b}\u{1f40b}"],
  ["a\u{1f40b}b", 2, "a\u{1f40b}"],
  ["ab\u{1f468}\u200d\u{1f469}\u200d\u{1f467}", 4, "ab"],
  ["ab\u{1f44d}\u{1f3fd}", 3, "ab"],
  ["ab\u{1f1e9}\u{1f1ea}", 3, "ab"],
  ["abe\u0301", 3, "ab"],
  ["\u{1f468}\u200d\u{1f469}", 2, "\u{1f468}\u200d"],
])("%j begins, of %i characters, with %j", (text, most, start) => {
  expect(firstCharacters(text, most)).toBe(start);
});

test("a text that is too long is told in a sentence", () => {
  expect(excess("\u{1f40b}".repeat(7), 7)).toBeUndefined();
  expect(excess("a".repeat(9), 7)).toBe("Use at most 7 characters. This has 9.");
});

test.each([
  ["\u2764\ufe0f", true],
  ["\u{1f44d}\u{1f3fd}", true],
  ["\u{1f468}\u200d\u{1f469}\u200d\u{1f467}\u200d\u{1f466} \u{1f600}", true],
  ["\u{1f1e9}\u{1f1ea}\u{1f1eb}\u{1f1f7}", true],
  ["1\ufe0f\u20e3", true],
  ["\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", true],
  ["\u{1f600}\u{1f600}\u{1f600}\u{1f600}", false],
  ["\u{1f600}!", false],
  ["12", false],
  ["", false],
  [" ", false],
  ["\u{1f600}".repeat(5000), false],
])("%j is a few emoji: %s", (text, isOnly) => {
  expect(isOnlyEmoji(text)).toBe(isOnly);
});

test.each([
  ["Ann", "Ann"],
  ["Zo\u00eb \u{1f40b}", "Zo\u00eb \u{1f40b}"],
  ["\u5f20\u4f1f", "\u5f20\u4f1f"],
  ["\u05e9\u05e8\u05d4", "\u2068\u05e9\u05e8\u05d4\u2069"],
  ["Dr. \u0645\u0631\u064a\u0645", "\u2068Dr. \u0645\u0631\u064a\u0645\u2069"],
  ["\u{1e900}\u{1e901}", "\u2068\u{1e900}\u{1e901}\u2069"],
  ["Ann\u202egro.elpmaxe", "Anngro.elpmaxe"],
  ["\u2069\u05e9\u2067", "\u2068\u05e9\u2069"],
])("%j reorders nothing beside it", (name, shown) => {
  expect(isolated(name)).toBe(shown);
});

describe("of what is pasted", () => {
  const picture = new File(["x"], "image.png", { type: "image/png" });
  const data = (texts: Record<string, string>, ...files: File[]) => ({
    files: files as unknown as FileList,
    getData: (type: string) => texts[type] ?? "",
  });
  const html = (body: string) =>
    `<html><head><style>td {}</style></head><body>${body}</body></html>`;

  test.each([
    ["cells", "1\t2", html("<!--StartFragment--><table><td>1<td>2</table>")],
    ["empty cells", "Test 1\nTest 2", "<table></table>"],
    ["words", "Hello", html("<p>Hello</p>")],
    ["words with a picture", "Hello", html("<p>Hello <img src='file:///a.png'></p>")],
  ])("%s are text", (_, plain, rich) => {
    const texts = { "text/plain": plain, "text/html": rich };
    expect(pastedFiles(data(texts, picture))).toEqual([]);
  });

  test.each([
    ["a screenshot", "", ""],
    ["a picture of a page", "", '<meta charset="utf-8"><img src="https://a.example/b.png">'],
    ["one with its address", "https://a.example/b.png", "<img src='https://a.example/b.png'>"],
    ["a file with its name", "b.png", ""],
  ])("%s is a file", (_, plain, rich) => {
    const texts = { "text/plain": plain, "text/html": rich };
    expect(pastedFiles(data(texts, picture))).toEqual([picture]);
  });

  test("a text alone is no file", () => {
    expect(pastedFiles(data({ "text/plain": "a" }))).toEqual([]);
  });
});

test.each([
  ["Ann", "AN"],
  ["Bob Tidewater", "BT"],
  ["ann b clark", "AB"],
  ["A", "A"],
  ["", ""],
  ["  Zo\u00eb  ", "ZO"],
  ["Zoe\u0308 Ta", "ZT"],
  ["\u5f20\u4f1f", "\u5f20\u4f1f"],
  ["\u{20bb7}\u91ce", "\u{20bb7}\u91ce"],
  ["\u{1f1e9}\u{1f1ea} Max", "\u{1f1e9}\u{1f1ea}"],
  ["Max \u{1f1e9}\u{1f1ea}", "M"],
  ["\u{1f431} Cat", "\u{1f431}"],
  ["\u{1f469}\u{1f3fd}\u200d\u{1f680}", "\u{1f469}\u{1f3fd}\u200d\u{1f680}"],
  ["1\ufe0f\u20e3 one", "1\ufe0f\u20e3O"],
  ["A\u{1f431}", "A"],
  ["(Bob)", "("],
])("%j has the initials %j", (name, initials) => {
  expect(initialsOf(name)).toBe(initials);
});

test("half of a character is no part of a file's name", () => {
  expect(tidyName("a\ud83d.png")).toBe("a.png");
  expect(tidyName("\u{1f431}.png")).toBe("\u{1f431}.png");
});

test("folders are told from files among what is dropped", () => {
  const item = (kind: string, name: string, isDirectory: boolean) =>
    ({ kind, webkitGetAsEntry: () => (kind === "file" ? { name, isDirectory } : null) }) as never;
  const items = [item("file", "a", true), item("file", "b.txt", false), item("string", "c", true)];
  expect(foldersOf({ items: items as never })).toEqual(["a"]);
});
