import { describe, expect, test } from "vitest";

import {
  deliveryState,
  inOrder,
  isMuted,
  isUnread,
  withChat,
  withoutChat,
  withView,
} from "../src/state/chats";
import { CHAT, chat, message, NOW, world } from "./support";

const preferences = { archived: false, pinned: false, marked_unread: false };

test("the list has pinned chats first, then the latest message", () => {
  const pinned = { ...preferences, pinned: true };
  const chats = [
    chat({ id: "old", last_message: message(1) }),
    chat({ id: "new", last_message: message(3) }),
    chat({ id: "pinned", preferences: pinned, last_message: message(1) }),
    chat({ id: "newer, pinned", preferences: pinned, last_message: message(2) }),
  ];
  const shown = inOrder(Object.fromEntries(chats.map((one) => [one.id, one])));
  expect(shown.map(({ id }) => id)).toEqual(["newer, pinned", "pinned", "new", "old"]);
});

test("a chat without messages stands where it was made", () => {
  const at = (time: string) => Date.parse(time) * 1000; // ids are microseconds
  const chats = {
    before: chat({ id: "before", last_message: message(at("2026-05-01T00:00:00Z")) }),
    empty: chat({ id: "empty", created_at: "2026-05-02T00:00:00Z" }),
    after: chat({ id: "after", last_message: message(at("2026-05-03T00:00:00Z")) }),
  };
  expect(inOrder(chats).map(({ id }) => id)).toEqual(["after", "empty", "before"]);
});

describe("withView", () => {
  test("takes a view of the same clock, or a later one", () => {
    const start = world([chat({ clock: 5 })]);
    for (const clock of [5, 6]) {
      const view = chat({ clock, unread_count: 1 });
      expect(withView(start, view).chats[CHAT]).toEqual(view);
    }
  });

  test("takes no earlier one", () => {
    const start = world([chat({ clock: 5 })]);
    expect(withView(start, chat({ clock: 4 }))).toBe(start);
  });
});

test("a chat that is not known is not altered", () => {
  const start = world();
  expect(withChat(start, CHAT, () => expect.fail("there is none"))).toBe(start);
});

test("a chat goes with its window", () => {
  const items = [message(1)];
  const window = { items, first: 0, epoch: 0, before: false, after: false };
  const after = withoutChat(world([chat()], { windows: { [CHAT]: window } }), CHAT);
  expect(after).toMatchObject({ chats: {}, windows: {} });
});

test.each([
  [undefined, false],
  [new Date(NOW + 1).toISOString(), true],
  [new Date(NOW).toISOString(), false],
])("muted until %s: %s", (until, isNow) => {
  const muted = { ...preferences, ...(until !== undefined && { muted_until: until }) };
  expect(isMuted(chat({ preferences: muted }), NOW)).toBe(isNow);
});

test("a chat is unread by its count, or because it was marked so", () => {
  expect(isUnread(chat())).toBe(false);
  expect(isUnread(chat({ unread_count: 1 }))).toBe(true);
  expect(isUnread(chat({ preferences: { ...preferences, marked_unread: true } }))).toBe(true);
});

test.each([
  [{ read_min: 9, delivered_min: 9 }, 0, "read"],
  [{ read_min: 4, delivered_min: 5 }, 0, "delivered"],
  [{ read_min: 4, delivered_min: 4 }, 7, "stored"],
  [{ read_min: 4, delivered_min: 4 }, 6, "stored"], // though a reaction is not yet
  [{ read_min: 4, delivered_min: 4 }, 4, "sent"],
])("marks %j, saved up to %i: %s", (others, saved, state) => {
  expect(deliveryState(message(5, { rev: 7 }), others, saved)).toBe(state);
});
