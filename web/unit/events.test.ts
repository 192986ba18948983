import type { Chat, Message, ServerEvent } from "@carrier/client";
import { describe, expect, test } from "vitest";

import {
  changeMessages,
  type Effect,
  endTyping,
  reduce,
  renewMessage,
  takeChat,
  takeMessage,
} from "../src/state/events";
import { openWindow } from "../src/state/history";
import { withRead } from "../src/state/receipts";
import type { World } from "../src/state/world";
import {
  CHAT,
  chat,
  created,
  ME,
  member,
  message,
  NOW,
  profile,
  random,
  updated,
  world,
} from "./support";

/** Applies events one after the other. */
function applied(start: World, ...events: ServerEvent[]): { world: World; effects: Effect[] } {
  const effects: Effect[] = [];
  const end = events.reduce((now, event) => {
    const next = reduce(now, event, NOW);
    effects.push(...next.effects);
    return next.world;
  }, start);
  return { world: end, effects };
}

const theChat = (now: World): Chat => now.chats[CHAT] ?? expect.fail("the chat is known");
const bodies = (now: World) => now.windows[CHAT]?.items.map(({ body }) => body);
const types = (effects: Effect[]) => effects.map(({ type }) => type);
const withMessages = (...items: Message[]) =>
  openWindow(world([chat()]), CHAT, { items, before: false, after: false });

describe("message.created", () => {
  test("is shown, counted, and its sender's profile is loaded", () => {
    const { world: now, effects } = applied(withMessages(message(1)), created(message(2)));
    expect(bodies(now)).toEqual(["message 1", "message 2"]);
    expect(theChat(now)).toMatchObject({ clock: 2, unread_count: 1, unread_mentions: 0 });
    expect(theChat(now).last_message?.id).toBe(2);
    expect(effects).toEqual([
      {
        type: "changeLoadingPages",
        chat_id: CHAT,
        change: { type: "take", message: message(2) },
      },
      { type: "needPeople", user_ids: ["Bob"] },
      { type: "notifyMessage", message: message(2) },
    ]);
  });

  test("that mentions me is counted as that too", () => {
    const { world: now } = applied(world([chat()]), created(message(1, { mentions: [ME] })));
    expect(theChat(now)).toMatchObject({ unread_count: 1, unread_mentions: 1 });
  });

  test("that mentions all is counted so too, once", () => {
    const all = { mentions_all: true, mentions: [ME] };
    const { world: now } = applied(world([chat()]), created(message(1, all)));
    expect(theChat(now)).toMatchObject({ unread_count: 1, unread_mentions: 1 });
  });

  test.each([
    ["of mine", { sender_id: ME }],
    ["of the system", { kind: "system" as const }],
  ])("%s is not counted", (_, more) => {
    const { world: now } = applied(world([chat()]), created(message(1, more)));
    expect(theChat(now)).toMatchObject({ unread_count: 0 });
    expect(theChat(now).last_message?.id).toBe(1);
  });

  test("that I have read already is not counted", () => {
    const my = { role: "member" as const, read: 5, delivered: 5 };
    const { world: now } = applied(world([chat({ my })]), created(message(4)));
    expect(theChat(now).unread_count).toBe(0);
  });

  test("that comes twice is counted, shown and notified of once", () => {
    const { world: now, effects } = applied(
      withMessages(),
      created(message(1)),
      created(message(1)),
    );
    expect(bodies(now)).toEqual(["message 1"]);
    expect(theChat(now).unread_count).toBe(1);
    expect(types(effects).filter((type) => type === "notifyMessage")).toHaveLength(1);
  });

  test("that comes late stands in its place, and is not the last one", () => {
    const { world: now } = applied(withMessages(), created(message(3)), created(message(2)));
    expect(bodies(now)).toEqual(["message 2", "message 3"]);
    expect(theChat(now).last_message?.id).toBe(3);
    expect(theChat(now)).toMatchObject({ clock: 3, unread_count: 1 });
  });

  test("ends the typing of its sender", () => {
    const typing = { [CHAT]: { Bob: NOW + 5000, Cleo: NOW + 5000 } };
    const { world: now } = applied(world([chat()], { typing }), created(message(1)));
    expect(now.typing[CHAT]).toEqual({ Cleo: NOW + 5000 });
  });

  test("tells that its sender has read what was before", () => {
    const { world: now } = applied(world([chat()]), created(message(7)));
    expect(theChat(now).others).toEqual({ read_min: 7, delivered_min: 7 });
  });

  test("moves the clock forward, never back", () => {
    const { world: now } = applied(world([chat({ clock: 50 })]), created(message(7)));
    expect(theChat(now).clock).toBe(50);
  });
});

describe("a message of a chat that is not known", () => {
  test("waits for its chat, which is looked up", () => {
    const { world: now, effects } = applied(world(), created(message(1)));
    expect(now.early[CHAT]).toEqual([message(1)]);
    expect(effects).toEqual([{ type: "lookUpChat", chat_id: CHAT }]);
  });

  test("is kept once, however often it comes", () => {
    const { world: now } = applied(world(), created(message(1)), created(message(1)));
    expect(now.early[CHAT]).toEqual([message(1)]);
  });

  test("is notified of once the chat is there, unless I have read it elsewhere", () => {
    const early = applied(world(), created(message(1)), created(message(2)));
    const my = { role: "member" as const, read: 1, delivered: 1 };
    const view = chat({ clock: 2, my, unread_count: 1, last_message: message(2) });
    const { world: now, effects } = takeChat(early.world, view, false);
    expect(effects).toEqual([{ type: "notifyMessage", message: message(2) }]);
    expect(now.early).toEqual({});
    expect(theChat(now).unread_count).toBe(1); // the view counts it already
  });
});

describe("message.updated", () => {
  const edit = message(1, { rev: 9, body: "edited" });

  test.each([
    ["mentions me now", {}, { mentions: [ME] }, {}, 1],
    ["mentions all now", {}, { mentions_all: true }, {}, 1],
    ["mentions me no longer", { mentions: [ME] }, {}, {}, -1],
    ["mentions all no longer", { mentions_all: true }, {}, {}, -1],
    ["mentions me still", { mentions: [ME] }, { mentions_all: true }, {}, 0],
    ["mentions nobody", {}, {}, {}, 0],
    ["is mine", { sender_id: ME }, { sender_id: ME, mentions_all: true }, {}, 0],
    ["is read", {}, { mentions_all: true }, { read: 1 }, 0],
  ])("that %s changes the count of mentions", (_, before, after, marks, change) => {
    const my = { role: "member" as const, read: 0, delivered: 0, ...marks };
    const items = [message(1, before)];
    const known = world([chat({ my, unread_count: 3, unread_mentions: 2 })]);
    const start = openWindow(known, CHAT, { items, before: false, after: false });
    const { world: now } = applied(start, updated(message(1, { rev: 9, ...after })));
    expect(theChat(now)).toMatchObject({ unread_count: 3, unread_mentions: 2 + change });
  });

  test("renews the message where it is shown, and as the last of the chat", () => {
    const { world: now } = applied(withMessages(), created(message(1)), updated(edit));
    expect(bodies(now)).toEqual(["edited"]);
    expect(theChat(now).last_message?.body).toBe("edited");
    expect(theChat(now)).toMatchObject({ clock: 9, unread_count: 1 });
  });

  test("changes nothing when it is older than what is known", () => {
    const late = updated(message(1, { rev: 8, body: "late" }));
    const { world: now } = applied(withMessages(), created(edit), late);
    expect(bodies(now)).toEqual(["edited"]);
    expect(theChat(now).last_message?.body).toBe("edited");
  });

  test("does not bring back what I have deleted for myself", () => {
    const { world: now } = applied(withMessages(message(2)), updated(edit));
    expect(bodies(now)).toEqual(["message 2"]);
  });

  test("before the message itself is taken with it", () => {
    const { world: now } = applied(
      withMessages(),
      updated(edit),
      created(edit),
      created(message(1)),
    );
    expect(bodies(now)).toEqual(["edited"]);
  });
});

describe("what is unread, after message.updated", () => {
  const counts = (now: World) => {
    const { unread_count, unread_mentions } = theChat(now);
    return [unread_count, unread_mentions];
  };
  const naming = { rev: 9, mentions: [ME] };

  test("counts a mention that an edit adds, and not one that it takes away", () => {
    const named = applied(withMessages(), created(message(1)), updated(message(1, naming)));
    expect(counts(named.world)).toEqual([1, 1]);
    const unnamed = applied(named.world, updated(message(1, { rev: 10 })));
    expect(counts(unnamed.world)).toEqual([1, 0]);
    expect(types(unnamed.effects)).not.toContain("lookUpChat");
  });

  test("counts it once, however often the event comes", () => {
    const edit = updated(message(1, naming));
    const { world: now } = applied(withMessages(), created(message(1)), edit, edit);
    expect(counts(now)).toEqual([1, 1]);
  });

  test("counts it in a chat that was never opened, by its last message", () => {
    const start = applied(world([chat()]), created(message(1)));
    expect(counts(applied(start.world, updated(message(1, naming))).world)).toEqual([1, 1]);
  });

  test("counts no mention of others, by me, or that I have read", () => {
    const others = updated(message(1, { rev: 9, mentions: ["Cleo"] }));
    expect(counts(applied(withMessages(), created(message(1)), others).world)).toEqual([1, 0]);
    const mine = message(1, { sender_id: ME });
    const edit = updated({ ...mine, ...naming });
    expect(counts(applied(withMessages(), created(mine), edit).world)).toEqual([0, 0]);
    const read = withRead(applied(withMessages(), created(message(1))).world, CHAT, 1);
    expect(counts(applied(read, updated(message(1, naming))).world)).toEqual([0, 0]);
  });

  test("counts no text that was deleted, neither then nor when it is read", () => {
    const start = applied(withMessages(), created(message(1, { mentions: [ME] })));
    const gone = message(1, { rev: 9, deleted: true, body: "" });
    const { world: now } = applied(start.world, updated(gone), created(message(2)));
    expect(counts(now)).toEqual([1, 0]);
    expect(counts(withRead(now, CHAT, 1))).toEqual([1, 0]);
  });

  test("is asked for where the message is not known", () => {
    const view = chat({ last_message: message(8), unread_count: 30 });
    const { world: now, effects } = applied(world([view]), updated(message(1, naming)));
    expect(counts(now)).toEqual([30, 0]);
    expect(effects).toContainEqual({ type: "lookUpChat", chat_id: CHAT });
    const plain = applied(world([view]), updated(message(1, { rev: 9 })));
    expect(types(plain.effects)).not.toContain("lookUpChat");
  });

  test("is asked for where a view of the chat may have counted it", () => {
    const start = applied(withMessages(), created(message(1))).world;
    const view = chat({ clock: 9, unread_count: 1, unread_mentions: 1, last_message: message(1) });
    const { world: seen } = takeChat(start, view, false);
    const { world: now, effects } = applied(seen, updated(message(1, naming)));
    expect(counts(now)).toEqual([1, 1]);
    expect(effects).toContainEqual({ type: "lookUpChat", chat_id: CHAT });
  });

  test("is asked for where the message was loaded before its event came", () => {
    const start = withMessages(message(1, naming));
    const { world: now, effects } = applied(start, updated(message(1, naming)));
    expect(counts(now)).toEqual([0, 0]);
    expect(effects).toContainEqual({ type: "lookUpChat", chat_id: CHAT });
    const again = applied(now, updated(message(1, naming)));
    expect(types(again.effects)).not.toContain("lookUpChat");
  });

  test("follows a read mark of another tab", () => {
    const named = [message(1, { mentions: [ME] }), message(2, { mentions: [ME] })];
    const start = applied(withMessages(), ...named.map(created)).world;
    const read: ServerEvent = {
      type: "receipt.updated",
      chat_id: CHAT,
      clock: 9,
      user_id: ME,
      read: 1,
      delivered: 2,
      unread_count: 1,
    };
    expect(counts(applied(start, read).world)).toEqual([1, 1]);
  });
});

const COUNTED_SEEDS = Array.from({ length: 300 }, (_, seed) => seed);
test.each(COUNTED_SEEDS)("what is unread is what a recount finds (seed %i)", (seed) => {
  const next = random(seed);
  const rows: Message[] = [];
  let [clock, read, looks] = [100, 0, 0];
  const recount = () => {
    const unread = rows.filter(
      ({ id, sender_id, deleted }) => id > read && sender_id !== ME && deleted !== true,
    );
    const mentions = unread.filter((row) => row.mentions?.includes(ME));
    return { unread_count: unread.length, unread_mentions: mentions.length };
  };
  let now = openWindow(world([chat()]), CHAT, { items: [], before: false, after: false });
  /** Events that are on their way; an edit may be overtaken. */
  const late: ServerEvent[] = [];
  const take = (event: ServerEvent) => {
    const { world: after, effects } = applied(now, event);
    now = after;
    if (!types(effects).includes("lookUpChat")) return;
    looks++;
    const my = { role: "member", read, delivered: read } as const;
    const last = rows.at(-1);
    const view = chat({
      clock,
      my,
      ...recount(),
      ...(last !== undefined && { last_message: last }),
    });
    now = takeChat(now, view, false).world;
  };
  const named = () => (next() < 0.5 ? { mentions: next() < 0.5 ? [ME] : ["Cleo", ME] } : {});
  for (let step = 0; step < 60; step++) {
    clock += 1 + Math.floor(next() * 3);
    const at = Math.floor(next() * rows.length);
    const row = rows[at];
    const kind = row === undefined ? 0 : Math.floor(next() * 6);
    if (row === undefined || kind <= 1) {
      const sender_id = next() < 0.2 ? ME : "Bob";
      const sent = message(clock, { sender_id, ...named() });
      rows.push(sent);
      take(created(sent));
    } else if (kind <= 3 && row.deleted !== true) {
      const { mentions: _, ...rest } = row;
      rows[at] = { ...rest, rev: clock, ...named() };
      if (next() < 0.3) late.push(updated(rows[at]));
      else take(updated(rows[at]));
    } else if (kind === 4) {
      const { mentions: _, ...rest } = row;
      rows[at] = { ...rest, rev: clock, deleted: true, body: "" };
      take(updated(rows[at]));
    } else if (kind === 5 && row.id > read) {
      for (const event of late.splice(0)) take(event);
      read = row.id;
      now = withRead(now, CHAT, read);
    }
    if (next() < 0.3) for (const event of late.splice(0)) take(event);
    if (late.length === 0) expect(theChat(now)).toMatchObject(recount());
  }
  for (const event of late) take(event);
  expect(theChat(now)).toMatchObject(recount());
  expect(looks).toBeLessThan(60);
});

describe("reaction", () => {
  const reactions = [{ emoji: "👍", count: 1, user_ids: [ME] }];
  const reaction = (user_id: string, added: boolean, rev: number): ServerEvent => ({
    type: "reaction",
    chat_id: CHAT,
    clock: rev,
    message: message(1, { rev, ...(added && { reactions }) }),
    user_id,
    emoji: "👍",
    added,
  });

  test("of mine is one of my reactions until it is removed", () => {
    const added = applied(withMessages(message(1)), reaction(ME, true, 5), reaction(ME, true, 5));
    expect(added.world.myReactions[CHAT]?.[1]).toEqual(["👍"]);
    expect(added.world.windows[CHAT]?.items[0]?.reactions).toEqual(reactions);
    const removed = applied(added.world, reaction(ME, false, 6));
    expect(removed.world.myReactions[CHAT]?.[1]).toEqual([]);
    expect(removed.world.windows[CHAT]?.items[0]?.reactions).toBeUndefined();
  });

  test("of others is not mine", () => {
    const { world: now } = applied(withMessages(message(1)), reaction("Bob", true, 5));
    expect(now.myReactions).toEqual({});
    expect(now.windows[CHAT]?.items[0]?.rev).toBe(5);
  });
});

test("message.removed takes messages out of my view, and out of pages on their way", () => {
  const event: ServerEvent = {
    type: "message.removed",
    chat_id: CHAT,
    message_ids: [2],
    up_to: 1,
  };
  const start = withMessages(message(1), message(2), message(3));
  const { world: now, effects } = applied(start, event, event);
  expect(bodies(now)).toEqual(["message 3"]);
  const change = { type: "remove", message_ids: [2], up_to: 1 };
  expect(effects[0]).toEqual({ type: "changeLoadingPages", chat_id: CHAT, change });
});

test.each([
  { what: "an unread one", removed: [2], read: 1, isAsked: true },
  { what: "one that was read", removed: [2], read: 2, isAsked: false },
  { what: "all that was read", removed: [], up_to: 2, read: 2, isAsked: false },
  { what: "all, some of it unread", removed: [], up_to: 2, read: 1, isAsked: true },
  { what: "the last one, which the list shows", removed: [3], read: 3, isAsked: true },
])("after $what was removed from my view, the server is asked: $isAsked", (one) => {
  const start = withMessages(message(1), message(2), message(3));
  const known = start.chats[CHAT] as Chat;
  const my = { ...known.my, read: one.read };
  const chats = { [CHAT]: { ...known, my, last_message: message(3) } };
  const event: ServerEvent = {
    type: "message.removed",
    chat_id: CHAT,
    message_ids: one.removed,
    ...(one.up_to !== undefined && { up_to: one.up_to }),
  };
  const { effects } = applied({ ...start, chats }, event);
  const asked = effects.some(({ type }) => type === "lookUpChat");
  expect(asked).toBe(one.isAsked);
});

describe("chat.created and chat.updated", () => {
  const event = (view: Chat): ServerEvent => ({
    type: "chat.updated",
    chat_id: CHAT,
    clock: view.clock,
    chat: view,
  });

  test("are taken when nothing newer is known", () => {
    const view = chat({ clock: 5, unread_count: 3 });
    for (const type of ["chat.created", "chat.updated"] as const) {
      const { world: now, effects } = applied(world(), { ...event(view), type } as ServerEvent);
      expect(theChat(now)).toEqual(view);
      expect(now.people.Bob).toEqual(profile("Bob"));
      expect(effects).toEqual([]);
    }
  });

  test("of an older clock are not taken: the chat is looked up", () => {
    const start = world([chat({ clock: 6, unread_count: 1 })]);
    const { world: now, effects } = applied(start, event(chat({ clock: 5, unread_count: 3 })));
    expect(theChat(now)).toMatchObject({ clock: 6, unread_count: 1 });
    expect(effects).toEqual([{ type: "lookUpChat", chat_id: CHAT }]);
  });

  test("that were looked up are not looked up for ever", () => {
    const start = world([chat({ clock: 6 })]);
    expect(takeChat(start, chat({ clock: 5 }), false).effects).toEqual([]);
  });

  test("do not say that less is saved than is known", () => {
    const start = world([chat({ clock: 1, saved: 9 })]);
    expect(theChat(applied(start, event(chat({ clock: 5, saved: 4 }))).world).saved).toBe(9);
  });
});

test("chat.removed forgets the chat and its window", () => {
  const event: ServerEvent = { type: "chat.removed", chat_id: CHAT };
  const { world: now } = applied(withMessages(message(1)), event, event);
  expect(now.chats).toEqual({});
  expect(now.windows).toEqual({});
});

test("chat.saved only ever grows, and makes no chat", () => {
  const saved = (clock: number): ServerEvent => ({ type: "chat.saved", chat_id: CHAT, clock });
  expect(theChat(applied(world([chat()]), saved(5), saved(4)).world).saved).toBe(5);
  expect(applied(world(), saved(5)).world.chats).toEqual({});
});

describe("member.updated", () => {
  const event = (user_id: string, row?: ReturnType<typeof member>): ServerEvent => ({
    type: "member.updated",
    chat_id: CHAT,
    clock: 9,
    user_id,
    ...(row && { member: row }),
  });
  const start = world([chat()], { members: { [CHAT]: [member(ME), member("Bob")] } });
  const users = (now: World) => now.members[CHAT]?.map(({ user_id }) => user_id);

  test("adds, changes and removes a member", () => {
    const cleo = event("Cleo", member("Cleo"));
    const added = applied(start, cleo, cleo).world;
    expect(users(added)).toEqual([ME, "Bob", "Cleo"]);
    const changed = applied(added, event("Bob", member("Bob", { role: "admin" }))).world;
    expect(changed.members[CHAT]?.find(({ user_id }) => user_id === "Bob")?.role).toBe("admin");
    expect(users(applied(changed, event("Bob")).world)).toEqual([ME, "Cleo"]);
  });

  test("of a group that was not opened is not kept", () => {
    expect(applied(world([chat()]), event("Cleo", member("Cleo"))).world.members).toEqual({});
  });
});

describe("receipt.updated", () => {
  const receipt = (user_id: string, read: number, delivered = read, unread?: number) =>
    ({
      type: "receipt.updated",
      chat_id: CHAT,
      clock: 9,
      user_id,
      read,
      delivered,
      ...(unread !== undefined && { unread_count: unread }),
    }) as ServerEvent;

  test("of the other moves the marks of a direct chat forward only", () => {
    const { world: now } = applied(world([chat()]), receipt("Bob", 5, 7), receipt("Bob", 3, 4));
    expect(theChat(now).others).toEqual({ read_min: 5, delivered_min: 7 });
  });

  test("of mine sets the count of the unread", () => {
    const start = world([chat({ unread_count: 4, unread_mentions: 1 })]);
    const some = applied(start, receipt(ME, 5, 5, 2)).world;
    expect(theChat(some)).toMatchObject({ unread_count: 2, unread_mentions: 1 });
    const none = applied(some, receipt(ME, 7, 7, 0)).world;
    expect(theChat(none)).toMatchObject({ unread_count: 0, unread_mentions: 0 });
    expect(theChat(none).my).toMatchObject({ read: 7, delivered: 7 });
  });

  test("of mine that is late does not count anew what I have read since", () => {
    const my = { role: "member" as const, read: 9, delivered: 9 };
    const { world: now } = applied(world([chat({ my })]), receipt(ME, 5, 5, 4));
    expect(theChat(now)).toMatchObject({ unread_count: 0, my: { read: 9, delivered: 9 } });
  });

  const group = (count: number) =>
    chat({
      kind: "group",
      member_count: count,
      members: [member(ME, { read: 9, delivered: 9 }), member("Bob"), member("Cleo")],
    });

  test("in a group the marks are those of the least far", () => {
    const bob = applied(world([group(3)]), receipt("Bob", 5, 6)).world;
    expect(theChat(bob).others).toEqual({ read_min: 0, delivered_min: 0 });
    const both = applied(bob, receipt("Cleo", 4, 8)).world;
    expect(theChat(both).others).toEqual({ read_min: 4, delivered_min: 6 });
  });

  test("in a group whose members are not all known the marks stay", () => {
    const { world: now } = applied(world([group(70)]), receipt("Bob", 5), receipt("Cleo", 5));
    expect(theChat(now).others).toEqual({ read_min: 0, delivered_min: 0 });
    expect(theChat(now).members[1]).toMatchObject({ read: 5, delivered: 5 });
  });

  test("in a group that was opened all its members count", () => {
    const members = { [CHAT]: ["Bob", "Cleo", "Dev"].map((id) => member(id)) };
    const start = world([{ ...group(3), members: [] }], { members });
    const events = ["Bob", "Cleo", "Dev"].map((id) => receipt(id, 5));
    const { world: now } = applied(start, ...events);
    expect(theChat(now).others).toEqual({ read_min: 5, delivered_min: 5 });
  });

  test("of a chat that is not known changes nothing", () => {
    const start = world();
    expect(applied(start, receipt("Bob", 5), receipt(ME, 5)).world).toBe(start);
  });
});

test("me.updated and user.updated change profiles, and the peer of a direct chat", () => {
  const account = { ...profile(ME, { display_name: "New" }), email: "new@example.org" };
  const bob = profile("Bob", { display_name: "Robert" });
  const { world: now } = applied(
    world([chat(), chat({ id: "other", peer: profile("Cleo") })]),
    { type: "me.updated", account } as ServerEvent,
    { type: "user.updated", user: bob } as ServerEvent,
  );
  expect(now.me?.display_name).toBe("New");
  expect(now.people.Bob).toEqual(bob);
  expect(theChat(now).peer).toEqual(bob);
  expect(now.chats.other?.peer?.id).toBe("Cleo");
});

describe("typing", () => {
  const typing = (user_id: string, expires_ms = 6000): ServerEvent => ({
    type: "typing",
    chat_id: CHAT,
    user_id,
    expires_ms,
  });

  test("ends at its time, unless it is renewed", () => {
    const { world: first, effects } = reduce(world([chat()]), typing("Bob"), NOW);
    const until = NOW + 6000;
    expect(first.typing).toEqual({ [CHAT]: { Bob: until } });
    expect(effects).toEqual([
      { type: "expireTyping", chat_id: CHAT, user_id: "Bob", until, after_ms: 6000 },
    ]);
    expect(endTyping(first, CHAT, "Bob", until).typing).toEqual({ [CHAT]: {} });
    const renewed = reduce(first, typing("Bob"), NOW + 3000).world;
    expect(endTyping(renewed, CHAT, "Bob", until)).toBe(renewed);
  });

  test("of mine, in another tab, is not shown", () => {
    const start = world([chat()]);
    expect(reduce(start, typing(ME), NOW)).toEqual({ world: start, effects: [] });
  });

  test("that expires at once is over", () => {
    const { world: now } = applied(world([chat()]), typing("Bob"), typing("Bob", 0));
    expect(now.typing).toEqual({ [CHAT]: {} });
  });
});

test("presence is kept by person", () => {
  const event: ServerEvent = { type: "presence", user_id: "Bob", online: true };
  expect(applied(world(), event).world.presence.Bob?.online).toBe(true);
});

test.each(["hello", "heartbeat", "ack", "error", "reconnect"])("%s changes nothing", (type) => {
  const start = world([chat()]);
  expect(reduce(start, { type } as ServerEvent, NOW)).toEqual({ world: start, effects: [] });
});

test("an answer is taken as its event would be, and the event then changes nothing", () => {
  const row = message(1, { sender_id: ME });
  const answered = takeMessage(withMessages(), row).world;
  expect(applied(answered, created(row)).world).toEqual(answered);
  const edit = message(1, { sender_id: ME, rev: 9, body: "edited" });
  const renewed = renewMessage(answered, edit).world;
  expect(applied(renewed, updated(edit)).world).toEqual(renewed);
  const removal = { type: "remove", message_ids: [1] } as const;
  expect(bodies(changeMessages(renewed, CHAT, removal).world)).toEqual([]);
});

describe("any sequence of events", () => {
  /** A life of a group: messages, edits, reactions, receipts of others, views, members. */
  function life(seed: number, length: number): ServerEvent[] {
    const next = random(seed);
    const pick = <T>(all: readonly T[]): T => all[Math.floor(next() * all.length)] as T;
    const sent: Message[] = [];
    let clock = 1000;
    return Array.from({ length }, (): ServerEvent => {
      clock += 1 + Math.floor(next() * 5);
      const known = sent[Math.floor(next() * sent.length)];
      const kind = known === undefined ? 0 : Math.floor(next() * 6);
      const at = sent.indexOf(known as Message);
      const user_id = pick(["Bob", "Cleo"]);
      if (kind <= 1 || known === undefined) {
        const row = message(clock, { sender_id: pick([ME, "Bob", "Cleo"]) });
        sent.push(row);
        return created(row);
      }
      const id = known.id;
      if (kind === 2) {
        sent[at] = { ...known, rev: clock, body: `edited at ${clock}` };
        return updated(sent[at]);
      }
      if (kind === 3) {
        sent[at] = { ...known, rev: clock };
        const who = pick([ME, "Bob"]);
        const event = { ...created(sent[at]), type: "reaction", user_id: who, emoji: "👍" };
        return { ...event, added: next() < 0.5 } as ServerEvent;
      }
      if (kind === 4) {
        const receipt = { type: "receipt.updated", chat_id: CHAT, clock, user_id };
        return { ...receipt, read: id, delivered: id } as ServerEvent;
      }
      return { type: "chat.saved", chat_id: CHAT, clock };
    });
  }
  const start = () => {
    const members = [member(ME), member("Bob"), member("Cleo")];
    const group = chat({ kind: "group", members, member_count: 3 });
    return openWindow(world([group]), CHAT, { items: [], before: false, after: false });
  };
  const seeds = Array.from({ length: 50 }, (_, seed) => seed);

  test.each(seeds)("applied twice gives the same world (seed %i)", (seed) => {
    const events = life(seed, 40);
    const once = applied(start(), ...events).world;
    expect(applied(once, ...events).world).toEqual(once);
  });

  test.each(seeds)("with each event doubled gives the same world (seed %i)", (seed) => {
    const events = life(seed, 40);
    const doubled = events.flatMap((event) => [event, event]);
    expect(applied(start(), ...doubled).world).toEqual(applied(start(), ...events).world);
  });

  test.each(seeds)("in any order shows the same messages (seed %i)", (seed) => {
    const next = random(seed);
    const events = life(seed, 40);
    // An edit of a message that is not there yet shows nothing, so new messages come first.
    const news = events.filter(({ type }) => type === "message.created");
    const others = events.filter(({ type }) => type !== "message.created");
    const shuffled = (all: ServerEvent[]) =>
      all
        .map((event) => ({ event, order: next() }))
        .sort((a, b) => a.order - b.order)
        .map(({ event }) => event);
    const mixed = applied(start(), ...shuffled(news), ...shuffled(others)).world;
    const once = applied(start(), ...events).world;
    expect(mixed.windows[CHAT]?.items).toEqual(once.windows[CHAT]?.items);
    expect(theChat(mixed)).toMatchObject({
      clock: theChat(once).clock,
      saved: theChat(once).saved,
      others: theChat(once).others,
      last_message: theChat(once).last_message,
    });
  });
});
