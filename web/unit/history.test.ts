import { describe, expect, test } from "vitest";
import { PAGE } from "../src/state/first-look";

import {
  isLoaded,
  leaveWindow,
  openWindow,
  withMyReaction,
  withMyReactions,
  withNewer,
  withOlder,
  withWindowChange,
} from "../src/state/history";
import type { World } from "../src/state/world";
import { CHAT, chat, message, world } from "./support";

const rows = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => message(from + at));
const opened = (from: number, to: number, more = {}) =>
  openWindow(world([chat()]), CHAT, {
    items: rows(from, to),
    before: true,
    after: true,
    ...more,
  });
const window = (now: World) => now.windows[CHAT] ?? expect.fail("there is a window");
const ends = (now: World) => [window(now).items[0]?.id, window(now).items.at(-1)?.id];

test("each window that is opened has a number of its own", () => {
  const first = opened(1, 2);
  const again = openWindow(first, CHAT, { items: [], before: false, after: false });
  expect(window(again).epoch).not.toBe(window(first).epoch);
});

describe("pages", () => {
  test("grow a window at both ends, whose list keeps its place", () => {
    const older = withOlder(opened(10, 20), CHAT, 10, { items: rows(5, 9) });
    expect(ends(older)).toEqual([5, 20]);
    expect(window(older).first).toBe(window(opened(10, 20)).first - 5);
    expect(window(older).before).toBe(false);
    const newer = withNewer(older, CHAT, 20, { items: rows(21, 25), next: 26 });
    expect(ends(newer)).toEqual([5, 25]);
    expect(window(newer)).toMatchObject({ first: window(older).first, after: true });
  });

  test("that come after the window was loaded anew are not taken", () => {
    const start = opened(10, 20);
    expect(withOlder(start, CHAT, 11, { items: rows(5, 9) })).toBe(start);
    expect(withNewer(start, CHAT, 19, { items: rows(21, 25) })).toBe(start);
  });

  test("keep memory bounded: the other end is cut off", () => {
    const older = withOlder(opened(2001, 4000), CHAT, 2001, { items: rows(1921, 2000) });
    expect(ends(older)).toEqual([1921, 3920]);
    expect(window(older).after).toBe(true);
    const newer = withNewer(opened(1, 2000), CHAT, 2000, { items: rows(2001, 2080) });
    expect(ends(newer)).toEqual([81, 2080]);
    expect(window(newer).before).toBe(true);
  });

  test("bring my reactions", () => {
    const page = { items: rows(1, 2), my_reactions: { 1: ["👍"] } };
    const start = withMyReaction(world(), CHAT, 2, "🎉", true);
    const now = withMyReactions(withMyReaction(start, CHAT, 3, "🎉", true), CHAT, page);
    expect(now.myReactions[CHAT]).toEqual({ 1: ["👍"], 2: [], 3: ["🎉"] });
  });
});

describe("a chat that is left", () => {
  test("keeps its end, for when it is opened again", () => {
    const left = leaveWindow(opened(1, 200, { after: false, focus: { id: 9 } }), CHAT);
    expect(window(left).items).toHaveLength(PAGE);
    expect(ends(left)[1]).toBe(200);
    expect(window(left).focus).toBeUndefined();
  });

  test("keeps nothing from the middle", () => {
    expect(leaveWindow(opened(1, 200), CHAT).windows).toEqual({});
    expect(leaveWindow(opened(1, 200, { after: false }), CHAT, 50).windows).toEqual({});
  });

  test("keeps the end that it was left in", () => {
    const left = leaveWindow(opened(1, 200, { after: false }), CHAT, 150);
    expect(ends(left)).toEqual([121, 200]);
  });
});

test("a change of a chat that is not loaded changes nothing", () => {
  const start = world([chat()]);
  expect(withWindowChange(start, CHAT, { type: "take", message: message(1) })).toBe(start);
  expect(isLoaded(start, CHAT, 1)).toBe(false);
  expect(isLoaded(opened(1, 3), CHAT, 2)).toBe(true);
});
