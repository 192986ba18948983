import assert from "node:assert/strict";
import { test } from "node:test";

import { json, query } from "../src/json.js";

for (const [value, text] of [
  [{ body: "half \ud83d" }, '{"body":"half \ufffd"}'],
  [{ body: "\udc00\ud83d" }, '{"body":"\ufffd\ufffd"}'],
  [{ body: "whole \u{1f431}" }, '{"body":"whole \u{1f431}"}'],
  [{ a: [{ name: "\ud800" }], count: 1, no: undefined }, '{"a":[{"name":"\ufffd"}],"count":1}'],
  ["\ud83d\ud83d\udc31", '"\ufffd\u{1f431}"'],
] as const)
  test(`half of a character is no text that a server takes: ${text}`, () => {
    assert.equal(json(value), text);
  });

test("half of a character is the same sign in the query of an address", () => {
  assert.equal(query({ q: "a\ud83d", limit: 20 }), `q=${encodeURIComponent("a\ufffd")}&limit=20`);
  assert.equal(query({ q: "\udc00", ids: ["b\ud800", "c"] }), "q=%EF%BF%BD&ids=b%EF%BF%BD&ids=c");
  assert.equal(
    query({ q: "👍", before: undefined, archived: false }),
    "q=%F0%9F%91%8D&archived=false",
  );
});
