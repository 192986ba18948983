import { describe, expect, test } from "vitest";

import { newPending } from "../src/state/outbox";
import { notArrived, pendingRow, rowContext } from "../src/state/rows";
import { CHAT, ME, message, NOW } from "./support";

const MINUTE_US = 60_000_000;
/** A message `minutes` after noon. */
const at = (minutes: number, more = {}) => {
  const noon = new Date("2026-05-01T12:00:00");
  const time = noon.getTime() + minutes * 60_000;
  return message(time * 1000, { created_at: new Date(time).toISOString(), ...more });
};

describe("rowContext", () => {
  test("messages of one person within five minutes stand together", () => {
    expect(rowContext(at(0), at(4), at(8), false)).toEqual({
      startsDay: false,
      startsRun: false,
      endsRun: false,
    });
    expect(rowContext(at(0), at(6), at(12), false)).toMatchObject({
      startsRun: true,
      endsRun: true,
    });
  });

  test.each([
    ["another person", { sender_id: "Cleo" }],
    ["the system", { kind: "system" }],
  ])("a message of %s stands by itself", (_, more) => {
    expect(rowContext(at(0), at(1, more), at(2), false)).toMatchObject({
      startsRun: true,
      endsRun: true,
    });
  });

  test("the first of a day says so, unless older ones are not loaded", () => {
    expect(rowContext(undefined, at(0), undefined, false).startsDay).toBe(true);
    expect(rowContext(undefined, at(0), undefined, true).startsDay).toBe(false);
    expect(rowContext(at(-24 * 60), at(0), undefined, false).startsDay).toBe(true);
  });

  test("a message that is not sent yet stands with what was sent just now", () => {
    const sent = at(0, { sender_id: ME });
    const time = Date.parse(sent.created_at) + 1000;
    const pending = pendingRow(newPending(CHAT, { body: "next" }, undefined, time), 0, ME);
    expect(pending.id - sent.id).toBeGreaterThan(5 * MINUTE_US);
    expect(rowContext(sent, pending, undefined, false).startsRun).toBe(false);
  });
});

describe("pending messages", () => {
  const pending = newPending(CHAT, { body: "on its way", subject: "S" }, undefined, NOW);

  test("are shown like others, after them", () => {
    const row = pendingRow(pending, 1, ME);
    expect(row).toMatchObject({ sender_id: ME, body: "on its way", subject: "S", pending: true });
    expect(row.id).toBeGreaterThan(pendingRow(pending, 0, ME).id);
  });

  test("are not shown twice when the event is quicker than the answer", () => {
    const { client_id } = pending.message;
    const arrived = message(1, { sender_id: ME, client_id });
    expect(notArrived([pending], CHAT, [], ME)).toEqual([pending]);
    expect(notArrived([pending], CHAT, [arrived], ME)).toEqual([]);
    expect(notArrived([pending], "other", [], ME)).toEqual([]);
    // The same key of somebody else is another message.
    expect(notArrived([pending], CHAT, [message(1, { client_id })], ME)).toEqual([pending]);
  });
});
