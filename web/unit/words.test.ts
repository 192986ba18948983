/** Words that people see, and what they are made of. */

import { CarrierError, type Message, type Problem } from "@carrier/client";
import { afterEach, describe, expect, test, vi } from "vitest";

import { lookAtCalendar } from "../src/state/calendar";
import { ago, briefly, dayOf, isSameDay } from "../src/state/dates";
import { deviceName } from "../src/state/device";
import { fileSize, sizeLimit } from "../src/state/files";
import { english } from "../src/state/language";
import { brief, chatName, systemText } from "../src/state/names";
import { nameOf, withPeople } from "../src/state/people";
import { isFinal, reasonOf } from "../src/state/problems";
import { chat, ME, message, profile, world } from "./support";

const system = (row: NonNullable<Message["system"]>) =>
  systemText(message(1, { kind: "system", system: row }), ME, (id) => id);

test.each([
  [{ event: "member_added", actor_id: "Ann", user_id: "Bob" }, "Ann added Bob"],
  [{ event: "member_added", actor_id: ME, user_id: "Bob" }, "You added Bob"],
  [{ event: "member_added", actor_id: "Ann", user_id: ME }, "Ann added you"],
  [{ event: "member_added", actor_id: "Ann", user_id: "Ann" }, "Ann joined"],
  [{ event: "member_removed", actor_id: "Ann", user_id: "Bob" }, "Ann removed Bob"],
  [{ event: "member_left", actor_id: "Ann" }, "Ann left"],
  [{ event: "role_changed", actor_id: "Ann", user_id: ME, new: "admin" }, "Ann made you an admin"],
  [{ event: "role_changed", actor_id: ME, user_id: "Bob", new: "owner" }, "You made Bob the owner"],
  [
    { event: "role_changed", actor_id: "Ann", user_id: ME, new: "member" },
    "Ann removed you as an admin",
  ],
  [{ event: "message_pinned", actor_id: "Ann", message_id: 1 }, "Ann pinned a message"],
  [{ event: "chat_renamed", actor_id: "Ann", new: "Crew" }, "Ann named the group “Crew”"],
  [{ event: "chat_renamed", actor_id: "Ann", old: "Crew" }, "Ann removed the name “Crew”"],
])("%j", (row, text) => {
  expect(system(row as NonNullable<Message["system"]>)).toBe(text);
});

describe("brief", () => {
  const file = (name: string, content_type: string) => ({
    name,
    content_type,
    hash: name,
    size: 1,
  });
  test.each([
    [{ body: "two\nlines" }, "two lines"],
    [{ deleted: true, body: "" }, "Message deleted"],
    [{ body: "", subject: "A subject" }, "A subject"],
    [{ body: `Z${"\u0301".repeat(900)}!` }, `Z${"\u0301".repeat(12)}`],
    [{ body: "", subject: `Z${"\u0301".repeat(90)}!` }, `Z${"\u0301".repeat(12)}!`],
    [{ body: `${"ab ".repeat(3000)}` }, "ab ".repeat(100)],
    [{ body: "", attachments: [file("a.png", "image/png")] }, "Picture"],
    [{ body: "", attachments: [file("a.txt", "text/plain"), file("b", "")] }, "a.txt and 1 more"],
  ])("%j", (more, text) => {
    expect(brief(message(1, more))).toBe(text);
  });
});

test("a chat is called by its name, or by the other's", () => {
  expect(chatName(chat())).toBe("Bob");
  expect(chatName(chat({ kind: "group", name: "Crew" }))).toBe("Crew");
  const { peer: _, ...erased } = chat();
  expect(chatName(erased)).toBe("Deleted account");
});

test("names have as few marks as a language has, wherever they stand", () => {
  const [many, few] = [`Z${"\u0301".repeat(60)}a`, `Z${"\u0301".repeat(12)}a`];
  expect(chatName(chat({ peer: profile("b", { display_name: many }) }))).toBe(few);
  expect(nameOf("Bob", world([], { people: { Bob: profile("b", { display_name: many }) } }))).toBe(
    few,
  );
  const row = { event: "chat_renamed", actor_id: "Ann", new: many } as const;
  expect(system(row)).toBe(`Ann named the group “${few}”`);
});

test("a person is called by their name once it is known", () => {
  const now = withPeople(world(), [profile("Bob", { display_name: "Bob Tidewater" })]);
  expect(nameOf("Bob", now)).toBe("Bob Tidewater");
  expect(nameOf(ME, now)).toBe(ME);
  expect(nameOf("Cleo", now)).toBe("…");
});

describe("a failure", () => {
  const problem: Problem = {
    type: "about:blank",
    code: "invalid",
    title: "Invalid",
    status: 422,
    detail: "In general.",
    request_id: "1",
  };
  const refusal = (more: Partial<Problem>) => new CarrierError({ ...problem, ...more });

  test("is told in the server's words, or says that there were none", () => {
    const errors = [{ field: "display_name", code: "length" as const, detail: "is too long" }];
    expect(reasonOf(refusal({}))).toBe("In general.");
    expect(reasonOf(refusal({ detail: "the chat is full" }))).toBe("The chat is full.");
    expect(reasonOf(refusal({ errors }))).toBe("The name is too long.");
    expect(reasonOf(new Error("Our own."))).toBe("Our own.");
    expect(reasonOf(new TypeError("fetch failed"))).toMatch("isn’t responding");
  });

  test.each([
    [404, true],
    [429, false],
    [503, false],
  ])("of status %i is final: %s", (status, final) => {
    expect(isFinal(refusal({ status }))).toBe(final);
  });
});

test.each([
  [0, "0 B"],
  [11, "11 B"],
  [1200, "1.2 kB"],
  [25_000_000, "25 MB"],
  [26_214_400, "26 MB"],
  [5e12, "5000 GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(fileSize(bytes)).toBe(text);
});

test.each([
  [26_214_400, "26.2 MB"],
  [5_242_880, "5.2 MB"],
  [10_690_000, "10.6 MB"], // and no more
  [25_000_000, "25 MB"],
])("a bound of %i bytes is told as %s", (bytes, text) => {
  expect(sizeLimit(bytes)).toBe(text);
});

test.each([
  ["Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Linux"],
  ["Mozilla/5.0 (Windows NT 10.0) Chrome/142.0 Safari/537.36 Edg/142.0", "Edge on Windows"],
  ["Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) Safari/604.1", "Safari on iOS"],
  ["curl/8", "A browser"],
])("%s is %s", (agent, name) => {
  expect(deviceName(agent)).toBe(name);
});

test.each([
  [["de-DE", "en-US", "en-GB"], "en-US"],
  [["en"], "en"],
  [["de-DE", "eo"], "en-GB"],
  [[], "en-GB"],
])("who prefers %j reads times in %s", (languages, language) => {
  expect(english(languages)).toBe(language);
});

test("times are told in words", () => {
  const before = (ms: number) => new Date(Date.now() - ms).toISOString();
  const hour = 3_600_000;
  expect(ago(before(0))).toBe("just now");
  expect(ago(before(60_000))).toBe("1 minute ago");
  expect(ago(before(5 * 60_000))).toBe("5 minutes ago");
  expect(ago(before(3 * hour))).toBe("3 hours ago");
  expect(dayOf(before(0))).toBe("Today");
  expect(dayOf(before(24 * hour))).toBe("Yesterday");
  expect(briefly(before(24 * hour))).toBe("Yesterday");
  expect(isSameDay("2026-05-01T10:00:00", "2026-05-01T11:00:00")).toBe(true);
  expect(isSameDay("2026-05-01T10:00:00", "2026-05-02T10:00:00")).toBe(false);
});

describe("a day", () => {
  const { TZ } = process.env;
  const be = (zone: string | undefined, now?: string) => {
    if (zone === undefined) delete process.env.TZ;
    else process.env.TZ = zone;
    if (now !== undefined) vi.useFakeTimers({ now: Date.parse(now), toFake: ["Date"] });
    lookAtCalendar();
  };
  afterEach(() => {
    vi.useRealTimers();
    be(TZ);
  });

  test.each([
    // The hour that is left out in spring, and the one that comes twice in autumn.
    ["Europe/Berlin", "2027-03-28T22:30:00Z", "2027-03-28T21:59:00Z", "Yesterday"],
    ["Europe/Berlin", "2027-03-29T10:00:00Z", "2027-03-27T23:30:00Z", "Yesterday"],
    ["Europe/Berlin", "2027-03-28T21:59:00Z", "2027-03-27T23:01:00Z", "Today"],
    ["Europe/Berlin", "2027-11-01T10:00:00Z", "2027-10-30T22:30:00Z", "Yesterday"],
    ["Europe/Berlin", "2027-10-31T22:59:00Z", "2027-10-30T22:01:00Z", "Today"],
    // A day without a midnight.
    ["Asia/Beirut", "2027-03-29T08:00:00Z", "2027-03-27T22:10:00Z", "Yesterday"],
    ["Asia/Beirut", "2027-03-28T08:00:00Z", "2027-03-27T22:10:00Z", "Today"],
    // Far from Greenwich.
    ["America/Argentina/Buenos_Aires", "2027-06-18T12:00:00Z", "2027-06-18T02:30:00Z", "Yesterday"],
    ["America/Argentina/Buenos_Aires", "2027-06-18T12:00:00Z", "2027-06-18T03:10:00Z", "Today"],
    ["Pacific/Kiritimati", "2027-01-01T00:30:00Z", "2026-12-31T10:30:00Z", "Today"],
    ["Pacific/Kiritimati", "2027-01-01T00:30:00Z", "2026-12-31T09:30:00Z", "Yesterday"],
    ["UTC", "2028-03-01T00:00:00Z", "2028-02-29T23:59:59Z", "Yesterday"],
    ["UTC", "2028-02-29T23:59:59Z", "2028-02-29T00:00:00Z", "Today"],
  ])("in %s at %s, %s is %s", (zone, now, at, day) => {
    be(zone, now);
    expect(dayOf(at)).toBe(day);
    expect(isSameDay(at, now)).toBe(day === "Today");
    if (day === "Yesterday") expect(briefly(at)).toBe(day);
  });

  test("of another year is told with its year, and one of this year is not", () => {
    be("UTC", "2027-01-20T12:00:00Z");
    expect(dayOf("2026-12-31T12:00:00Z")).toMatch(/2026/);
    expect(dayOf("2027-01-02T12:00:00Z")).not.toMatch(/2027/);
  });

  test("that has not begun by this clock is told by its date, and its times by their hour", () => {
    be("UTC", "2027-06-17T12:00:00Z");
    expect(dayOf("2027-06-18T12:00:00Z")).toMatch(/18/);
    expect(briefly("2027-06-18T12:34:00Z")).toMatch(/12:34/);
    expect(ago("2027-06-18T12:00:00Z")).toBe("just now");
  });
});
