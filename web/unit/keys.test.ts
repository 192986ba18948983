/** Keys of any keyboard. */

import { expect, test } from "vitest";

import { isLetter } from "../src/state/keys";

test.each([
  ["n", "KeyN", true],
  ["N", "KeyN", true],
  ["n", "KeyK", true], // where Dvorak has it
  ["\u0442", "KeyN", true], // Cyrillic
  ["\u05de", "KeyN", true], // Hebrew
  ["\u03bd", "KeyN", true], // Greek
  ["b", "KeyN", false], // Dvorak
  ["\u0144", "KeyN", false], // Option and N, in Polish
  ["Dead", "KeyN", false], // Option and N on a Mac, before an n for an \u00f1
  ["\u02dc", "KeyN", false],
  ["\u0442", "KeyM", false],
  ["Enter", "Enter", false],
])("that %s at %s is an N is %s", (key, code, is) => {
  expect(isLetter({ key, code }, "n")).toBe(is);
});
