import { describe, expect, test } from "vitest";

import {
  changed,
  cut,
  type MessageWindow,
  merge,
  place,
  reacted,
  renew,
  take,
  without,
} from "../src/state/window";
import { message } from "./support";

const window = (ids: number[], more: Partial<MessageWindow> = {}): MessageWindow => ({
  items: ids.map((id) => message(id)),
  first: 1000,
  epoch: 1,
  before: false,
  after: false,
  ...more,
});
const ids = ({ items }: { items: readonly { id: number }[] }) => items.map(({ id }) => id);

test.each([
  [5, 0],
  [10, 0],
  [15, 1],
  [30, 2],
  [35, 3],
])("the place of %i is %i", (id, index) => {
  expect(place(window([10, 20, 30]).items, id)).toBe(index);
});

describe("an answer", () => {
  const reply_to = { id: 1, sender_id: "Bob", preview: "message 1" };
  const answers = window([1, 2]);
  answers.items[1] = message(2, { reply_to });
  const quotes = ({ items }: MessageWindow) => items.map((one) => one.reply_to?.preview);

  test("quotes what the message says now", () => {
    const edited = message(1, { rev: 5, body: "x".repeat(101) });
    expect(quotes(renew(answers, edited))).toEqual([undefined, "x".repeat(100)]);
    expect(quotes(renew(answers, message(1, { body: "late" })))).toEqual([undefined, "message 1"]);
  });

  test("quotes nothing of a message that was deleted, loaded or not", () => {
    const gone = message(1, { rev: 5, body: "", deleted: true });
    expect(quotes(renew(answers, gone))).toEqual([undefined, ""]);
    expect(quotes(renew({ ...answers, items: answers.items.slice(1) }, gone))).toEqual([""]);
  });
});

describe("merge", () => {
  test.each([
    [[], [1, 2], [1, 2]],
    [[1, 2], [], [1, 2]],
    [
      [1, 2],
      [3, 4],
      [1, 2, 3, 4],
    ],
    [
      [2, 4],
      [1, 3, 4, 5],
      [1, 2, 3, 4, 5],
    ],
  ])("%j with %j is %j", (items, more, merged) => {
    const rows = merge(window(items).items, window(more).items);
    expect(ids({ items: rows })).toEqual(merged);
  });

  test("a row is replaced by a newer one, and not by an older one", () => {
    const items = [message(1, { rev: 5, body: "five" }), message(2, { rev: 5, body: "five" })];
    const more = [message(1, { rev: 4, body: "four" }), message(2, { rev: 6, body: "six" })];
    expect(merge(items, more).map(({ body }) => body)).toEqual(["five", "six"]);
  });
});

describe("take", () => {
  test("a new message follows the last", () => {
    expect(ids(take(window([1, 2]), message(3)))).toEqual([1, 2, 3]);
  });

  test("a late one comes between others", () => {
    const before = window([1, 3], { before: true, after: true });
    expect(ids(take(before, message(2)))).toEqual([1, 2, 3]);
  });

  test("one that comes twice is there once", () => {
    const before = window([1, 2]);
    expect(take(before, message(2))).toBe(before);
  });

  test.each([
    ["the last, where newer ones are not loaded", 9, { after: true }],
    ["the first, where older ones are not loaded", 1, { before: true }],
  ])("one beyond %s is not taken", (_, id, more) => {
    const before = window([4, 5], more);
    expect(take(before, message(id))).toBe(before);
  });

  test("one before the first moves the numbers of the list", () => {
    const after = take(window([4, 5]), message(1));
    expect(ids(after)).toEqual([1, 4, 5]);
    expect(after.first).toBe(999);
  });

  test("an empty chat takes its first message", () => {
    expect(ids(take(window([]), message(1)))).toEqual([1]);
  });
});

describe("renew", () => {
  test("a newer row takes the place of an older one", () => {
    const after = renew(window([1, 2]), message(2, { rev: 9, body: "edited" }));
    expect(after.items[1]?.body).toBe("edited");
  });

  test("an older row changes nothing", () => {
    const before = { ...window([]), items: [message(2, { rev: 9 })] };
    expect(renew(before, message(2, { rev: 8 }))).toBe(before);
  });

  test("a message that is not shown does not appear: I may have deleted it", () => {
    const before = window([1, 3]);
    expect(renew(before, message(2, { rev: 9 }))).toBe(before);
  });
});

describe("cut", () => {
  test("without the oldest, they can be loaded again", () => {
    const after = cut(window([1, 2, 3]), 2, "oldest");
    expect(ids(after)).toEqual([2, 3]);
    expect(after).toMatchObject({ first: 1001, before: true, after: false });
  });

  test("without the newest, too", () => {
    const after = cut(window([1, 2, 3]), 2, "newest");
    expect(ids(after)).toEqual([1, 2]);
    expect(after).toMatchObject({ first: 1000, before: false, after: true });
  });

  test("nothing is cut off a short one", () => {
    const before = window([1, 2]);
    expect(cut(before, 2, "oldest")).toBe(before);
  });
});

describe("reacted", () => {
  const with1 = (reactions: { emoji: string; count: number; user_ids: string[] }[]) => ({
    ...window([]),
    items: [message(1, { reactions })],
  });
  const of = (now: MessageWindow) => now.items[0]?.reactions;

  test("the first reaction is added", () => {
    const after = reacted(window([1]), 1, "👍", "Ann", true);
    expect(of(after)).toEqual([{ emoji: "👍", count: 1, user_ids: ["Ann"] }]);
  });

  test("another joins it, and the last takes it away", () => {
    const both = reacted(
      with1([{ emoji: "👍", count: 1, user_ids: ["Bob"] }]),
      1,
      "👍",
      "Ann",
      true,
    );
    expect(of(both)).toEqual([{ emoji: "👍", count: 2, user_ids: ["Bob", "Ann"] }]);
    const one = reacted(both, 1, "👍", "Bob", false);
    expect(of(reacted(one, 1, "👍", "Ann", false))).toEqual([]);
  });

  test("the count keeps those who are not named", () => {
    const after = reacted(
      with1([{ emoji: "👍", count: 30, user_ids: ["Bob"] }]),
      1,
      "👍",
      "Ann",
      true,
    );
    expect(of(after)?.[0]?.count).toBe(31);
  });

  test("what is so already changes nothing", () => {
    const before = with1([{ emoji: "👍", count: 1, user_ids: ["Ann"] }]);
    expect(reacted(before, 1, "👍", "Ann", true)).toBe(before);
    expect(reacted(before, 2, "👍", "Ann", true)).toBe(before);
  });
});

describe("without", () => {
  test("some are removed, or all up to one", () => {
    expect(ids(without(window([1, 2, 3]), [2], undefined))).toEqual([1, 3]);
    expect(ids(without(window([1, 2, 3]), [], 2))).toEqual([3]);
  });

  test("a chat that was cleared has nothing before", () => {
    const before = window([1, 2, 3], { before: true });
    expect(without(before, [], 2).before).toBe(false);
    expect(without(before, [2], undefined).before).toBe(true);
  });

  test("a message that is not loaded changes nothing", () => {
    const before = window([1, 2]);
    expect(without(before, [7], undefined)).toBe(before);
  });
});

test("a change as data does what its function does", () => {
  const before = window([1, 2]);
  expect(changed(before, { type: "take", message: message(3) })).toEqual(take(before, message(3)));
  const edited = message(2, { rev: 9 });
  expect(changed(before, { type: "renew", message: edited })).toEqual(renew(before, edited));
  expect(changed(before, { type: "remove", message_ids: [1] })).toEqual(
    without(before, [1], undefined),
  );
  expect(
    changed(before, { type: "react", message_id: 1, emoji: "👍", user_id: "Ann", added: true }),
  ).toEqual(reacted(before, 1, "👍", "Ann", true));
});
