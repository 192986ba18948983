import { describe, expect, test } from "vitest";

import { openWindow } from "../src/state/history";
import { inPieces, ReceiptQueue, undelivered, withAllRead, withRead } from "../src/state/receipts";
import { CHAT, chat, ME, message, world } from "./support";

describe("withRead", () => {
  const my = { role: "member" as const, read: 1, delivered: 4 };
  const unread = chat({ my, unread_count: 3, unread_mentions: 1 });
  const items = [message(1), message(2), message(3, { mentions: [ME] }), message(4)];
  const loaded = openWindow(world([unread]), CHAT, { items, before: false, after: false });

  test.each([
    [2, { unread_count: 2, unread_mentions: 1 }],
    [3, { unread_count: 1, unread_mentions: 0 }],
    [4, { unread_count: 0, unread_mentions: 0 }],
  ])("up to %i leaves %j", (id, counts) => {
    expect(withRead(loaded, CHAT, id).chats[CHAT]).toMatchObject({ ...counts, my: { read: id } });
  });

  test("my own messages and those of the system were never unread", () => {
    const mine = [message(2, { sender_id: ME }), message(3, { kind: "system" }), message(4)];
    const window = { items: mine, before: false, after: false };
    const start = openWindow(world([{ ...unread, unread_count: 1 }]), CHAT, window);
    expect(withRead(start, CHAT, 3).chats[CHAT]?.unread_count).toBe(1);
    expect(withRead(start, CHAT, 4).chats[CHAT]?.unread_count).toBe(0);
  });

  test("a mark that is known already changes nothing", () => {
    expect(withRead(loaded, CHAT, 1)).toBe(loaded);
    expect(withRead(loaded, "unknown", 9)).toBe(loaded);
  });

  test("a chat that was marked as unread is not any more", () => {
    const preferences = { archived: false, pinned: true, marked_unread: true };
    const after = withRead(world([chat({ preferences })]), CHAT, 2);
    expect(after.chats[CHAT]?.preferences).toEqual({ ...preferences, marked_unread: false });
  });

  test("all of a chat is read, loaded or not", () => {
    expect(withAllRead(world([unread]), CHAT).chats[CHAT]).toMatchObject({
      unread_count: 0,
      unread_mentions: 0,
    });
  });
});

test("messages of others that came while no page was open are delivered now", () => {
  const my = { role: "member" as const, read: 0, delivered: 5 };
  const start = world([
    chat({ id: "new", my, last_message: message(6) }),
    chat({ id: "known", my, last_message: message(5) }),
    chat({ id: "mine", my, last_message: message(6, { sender_id: ME }) }),
    chat({ id: "empty", my }),
  ]);
  expect(undelivered(start)).toEqual([{ chat_id: "new", delivered: 6 }]);
});

describe("the queue of receipts", () => {
  test("has one for each chat, with its latest marks", () => {
    const queue = new ReceiptQueue();
    queue.add({ chat_id: "a", read: 1 });
    queue.add({ chat_id: "a", delivered: 3 });
    queue.add({ chat_id: "b", read: 2 });
    queue.add({ chat_id: "a", read: 2 });
    expect(queue.takeAll()).toEqual([
      { chat_id: "a", read: 2, delivered: 3 },
      { chat_id: "b", read: 2 },
    ]);
    expect(queue.takeAll()).toEqual([]);
  });

  test("takes back what could not be sent, under what was added meanwhile", () => {
    const queue = new ReceiptQueue();
    queue.add({ chat_id: "a", read: 1, delivered: 1 });
    const failed = queue.takeAll();
    queue.add({ chat_id: "a", read: 2 });
    queue.putBack(failed);
    expect(queue.takeAll()).toEqual([{ chat_id: "a", read: 2, delivered: 1 }]);
  });
});

test("a list is sent in pieces of what one request takes", () => {
  expect(inPieces([1, 2, 3, 4, 5], 2)).toEqual([[1, 2], [3, 4], [5]]);
  expect(inPieces([], 2)).toEqual([]);
});
