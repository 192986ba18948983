import { beforeEach, describe, expect, test, vi } from "vitest";

import { reduce } from "../src/state/events";
import { batch, change, EMPTY_WORLD, troubleOf, world, worldStore } from "../src/state/world";
import { CHAT, chat, created, message, NOW, world as worldOf } from "./support";

beforeEach(() => worldStore.setState(EMPTY_WORLD, true));

test("a change is seen at once", () => {
  change({ listed: true });
  change(({ epochs }) => ({ epochs: epochs + 1 }));
  expect(world()).toEqual({ ...EMPTY_WORLD, listed: true, epochs: 1 });
});

test("what may be missing is told, unless nothing comes at all", () => {
  const trouble = (connection: "online" | "offline", partial: boolean) =>
    troubleOf({ ...EMPTY_WORLD, connection, partial });
  expect(trouble("online", false)).toBeUndefined();
  expect(trouble("online", true)).toBe("partial");
  expect(trouble("offline", true)).toBe("offline");
  expect(trouble("offline", false)).toBe("offline");
});

test("a change within a change is refused, and the next one is not", () => {
  expect(() =>
    change(() => {
      change({ listed: true });
      return {};
    }),
  ).toThrow("would be lost");
  change({ epochs: 1 });
  expect(world()).toEqual({ ...EMPTY_WORLD, epochs: 1 });
});

describe("a batch", () => {
  test("draws a thousand events in one go", () => {
    change(worldOf([chat()]));
    const drawn = vi.fn();
    const stop = worldStore.subscribe(drawn);
    batch(() => {
      for (let id = 1; id <= 1000; id++)
        change((now) => reduce(now, created(message(id)), NOW).world);
      expect(world().chats[CHAT]?.unread_count).toBe(1000); // as the batch has made it so far
      expect(worldStore.getState().chats[CHAT]?.unread_count).toBe(0);
    });
    stop();
    expect(drawn).toHaveBeenCalledOnce();
    expect(worldStore.getState().chats[CHAT]?.unread_count).toBe(1000);
  });

  test("that breaks off keeps what it has changed", () => {
    const breaksOff = () =>
      batch(() => {
        change({ listed: true });
        throw new Error("broken");
      });
    expect(breaksOff).toThrow("broken");
    expect(worldStore.getState().listed).toBe(true);
    change({ epochs: 1 });
    expect(worldStore.getState().epochs).toBe(1);
  });
});
