import { beforeEach, expect, test, vi } from "vitest";

import { forgetDrafts, keepDraft, readDraft } from "../src/state/drafts";
import { MemoryStorage } from "./support";

beforeEach(() => vi.stubGlobal("localStorage", new MemoryStorage()));

test("a draft is kept by account and chat", () => {
  keepDraft("ann", "one", "to be continued");
  expect(readDraft("ann", "one")).toBe("to be continued");
  expect(readDraft("ann", "other")).toBe("");
  expect(readDraft("bob", "one")).toBe("");
});

test("an empty draft, or one of spaces, is none", () => {
  keepDraft("ann", "one", "text");
  keepDraft("ann", "one", "  \n");
  expect(Object.keys(localStorage)).toEqual([]);
});

test("a text that is too long to be stored is kept, and no older one", () => {
  keepDraft("ann", "one", "the older one");
  const text = "x".repeat(200_001);
  keepDraft("ann", "one", text);
  expect(readDraft("ann", "one")).toBe(text);
  expect(Object.keys(localStorage)).toEqual([]);
  keepDraft("ann", "one", "short again");
  expect(readDraft("ann", "one")).toBe("short again");
  keepDraft("ann", "one", text);
  forgetDrafts("ann");
  expect(readDraft("ann", "one")).toBe("");
});

test("the drafts of an account are forgotten, and nothing else", () => {
  keepDraft("ann", "one", "1");
  keepDraft("ann", "other", "2");
  keepDraft("bob", "one", "3");
  localStorage.setItem("carrier.notify", "yes");
  forgetDrafts("ann");
  expect(Object.keys(localStorage)).toEqual(["carrier.draft.bob.one", "carrier.notify"]);
});
