/** A browser's storage that is blocked, or full. */

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import { keepDraft, readDraft } from "../src/state/drafts";
import { newPending, readOutbox, removePending, storePending } from "../src/state/outbox";
import { shared } from "../src/state/storage";
import { CHAT, ME, MemoryStorage, NOW } from "./support";

class Limited extends MemoryStorage {
  static isFull = true;

  override setItem(key: string, text: string): void {
    if (Limited.isFull) throw new DOMException("The quota is exceeded.", "QuotaExceededError");
    super.setItem(key, text);
  }
}

afterEach(() => {
  for (const key of shared.keys()) shared.removeItem(key);
});

describe.each([
  ["full", () => vi.stubGlobal("localStorage", new Limited())],
  ["blocked", () => vi.stubGlobal("localStorage", undefined)],
])("a storage that is %s", (_, stub) => {
  beforeEach(() => void stub());

  test("keeps a draft for as long as the page is open", () => {
    keepDraft(ME, CHAT, "to be continued");
    expect(readDraft(ME, CHAT)).toBe("to be continued");
    keepDraft(ME, CHAT, "");
    expect(readDraft(ME, CHAT)).toBe("");
  });

  test("keeps a message until it is sent", () => {
    const pending = newPending(CHAT, { body: "hello" }, undefined, NOW);
    storePending(ME, pending);
    expect(readOutbox(ME)).toEqual([pending]);
    removePending(ME, pending.message.client_id);
    expect(readOutbox(ME)).toEqual([]);
  });
});

test("what was stored before the storage was full is changed all the same", () => {
  const storage = new Limited();
  vi.stubGlobal("localStorage", storage);
  Limited.isFull = false;
  shared.setItem("a", "before");
  Limited.isFull = true;
  shared.setItem("a", "after");
  expect([shared.getItem("a"), shared.keys()]).toEqual(["after", ["a"]]);
  Limited.isFull = false;
  shared.setItem("a", "later");
  Limited.isFull = true;
  expect([shared.getItem("a"), storage.getItem("a")]).toEqual(["later", "later"]);
  shared.removeItem("a");
  expect([shared.getItem("a"), shared.keys()]).toEqual([null, []]);
});
