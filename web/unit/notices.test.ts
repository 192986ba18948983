/** Notifications that are shown, while what they tell is read, edited or deleted. */

import { expect, test } from "vitest";

import { stillNotified } from "../src/state/notices";
import { chat, message, world } from "./support";

const shown = message(5, { body: "secret" });
const my = (read: number) => ({ role: "member" as const, read, delivered: read });
const withLast = (last: typeof shown, read = 1, unread_count = 1) =>
  world([chat({ my: my(read), unread_count, last_message: last })]);

test("a message that is unread stays notified", () => {
  expect(stillNotified(withLast(shown), shown)).toBe(shown);
  expect(stillNotified(withLast(message(6, { body: "later" })), shown)).toBe(shown);
});

test("one that was read in another tab or on another device does not", () => {
  expect(stillNotified(withLast(shown, 5), shown)).toBeUndefined();
  expect(stillNotified(withLast(shown, 1, 0), shown)).toBeUndefined();
});

test("nor one that was deleted, taken out of my view, or whose chat is gone", () => {
  const deleted = message(5, { rev: 9, body: "", deleted: true });
  expect(stillNotified(withLast(deleted), shown)).toBeUndefined();
  expect(stillNotified(withLast(message(4)), shown)).toBeUndefined();
  expect(stillNotified(world(), shown)).toBeUndefined();
});

test("one that was edited is told as it is now; a reaction changes nothing", () => {
  const edited = message(5, { rev: 9, body: "better" });
  expect(stillNotified(withLast(edited), shown)).toBe(edited);
  expect(stillNotified(withLast({ ...shown, rev: 9 }), shown)).toBe(shown);
});
