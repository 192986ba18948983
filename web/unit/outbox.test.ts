import { beforeEach, describe, expect, test, vi } from "vitest";

import {
  failure,
  newPending,
  nextPending,
  nextWait,
  outboxStore,
  readOutbox,
  removePending,
  retryPending,
  storePending,
} from "../src/state/outbox";
import { CHAT, ME, MemoryStorage, NOW } from "./support";

beforeEach(() => vi.stubGlobal("localStorage", new MemoryStorage()));

const write = (body: string, at: number) => {
  const pending = newPending(CHAT, { body }, undefined, at);
  storePending(ME, pending);
  return pending;
};
const bodies = () => readOutbox(ME).map(({ message }) => message.body);

describe("what is written", () => {
  test("is stored and shown, in the order in which it was written", () => {
    write("second", NOW + 1);
    write("first", NOW);
    expect(bodies()).toEqual(["first", "second"]);
    expect(outboxStore.getState().pending).toEqual(readOutbox(ME));
  });

  test("has a key of its own, under which the server takes it once", () => {
    const [one, other] = [write("one", NOW), write("other", NOW)];
    expect(one.message.client_id).not.toBe(other.message.client_id);
    expect(readOutbox(ME)).toHaveLength(2);
  });

  test("keeps what it answers", () => {
    const reply = { id: 1, sender_id: "Bob", preview: "the question" };
    expect(newPending(CHAT, { body: "" }, reply, NOW).reply).toEqual(reply);
  });

  test("is not shown to another account of this browser", () => {
    write("mine", NOW);
    expect(readOutbox("another")).toEqual([]);
  });

  test("is gone once it is acknowledged", () => {
    const { message } = write("sent", NOW);
    removePending(ME, message.client_id);
    expect(bodies()).toEqual([]);
    expect(outboxStore.getState().pending).toEqual([]);
  });

  test("stays apart from other things in the storage", () => {
    localStorage.setItem(`carrier.draft.${ME}.${CHAT}`, "a draft");
    expect(readOutbox(ME)).toEqual([]);
  });
});

describe("a refused message", () => {
  test("is passed over until it is tried again", () => {
    const first = write("refused", NOW);
    const second = write("waits", NOW + 1);
    storePending(ME, { ...first, refused: "You are blocked." });
    expect(nextPending(ME, CHAT)?.message).toEqual(second.message);
    expect(retryPending(ME, first.message.client_id)).toBe(true);
    expect(nextPending(ME, CHAT)).toEqual(first);
  });

  test("that was discarded meanwhile is not tried again", () => {
    expect(retryPending(ME, "unknown")).toBe(false);
  });
});

test("the next try waits twice as long as the one before, up to a bound", () => {
  const waits: number[] = [];
  for (let at = 0; at < 8; at++) waits.push(nextWait(waits.at(-1)));
  expect(waits).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000]);
});

test.each([
  [0, "retry"], // no answer at all
  [401, "retry"],
  [403, "refused"],
  [404, "refused"],
  [408, "retry"],
  [413, "refused"],
  [422, "refused"],
  [425, "retry"],
  [429, "retry"],
  [500, "retry"],
  [502, "retry"],
  [503, "retry"],
])("status %i: %s", (status, outcome) => {
  expect(failure(status)).toBe(outcome);
});
