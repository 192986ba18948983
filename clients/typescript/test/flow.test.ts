/** The main flow, against a running server: CARRIER_URL says where. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { WebSocket } from "ws";

import {
  Carrier,
  CarrierError,
  type LiveOptions,
  type LiveState,
  newKey,
  type ServerEvent,
  value,
} from "../src/index.js";

// Node.js has one of its own from 22 on.
const NodeSocket = WebSocket as unknown as NonNullable<LiveOptions["WebSocket"]>;

const baseUrl = process.env.CARRIER_URL;
const password = "a long enough password";

async function person(username: string): Promise<{ carrier: Carrier; id: string }> {
  assert(baseUrl, "CARRIER_URL is not set");
  const carrier = new Carrier({ baseUrl });
  const { id } = await carrier.register({ username, email: `${username}@example.org`, password });
  return { carrier, id };
}

test("two people register, talk, send a picture and find what they said", async () => {
  const [ann, bob] = [await person("ts_ann"), await person("ts_bob")];
  const chat = value(
    await ann.carrier.api.POST("/chats", { body: { kind: "direct", members: ["ts_bob"] } }),
  );
  assert.equal(chat.peer?.id, bob.id);
  const path = { chat_id: chat.id };

  const first = await ann.carrier.send(chat.id, { body: "Hello Bob", client_id: "k1" });
  const again = await ann.carrier.send(chat.id, { body: "Hello Bob", client_id: "k1" });
  assert.equal(again.id, first.id);
  const reply = await bob.carrier.send(chat.id, { body: "Hello Ann", reply_to: first.id });
  assert.equal(reply.reply_to?.preview, "Hello Bob");

  const page = value(
    await ann.carrier.api.GET("/chats/{chat_id}/messages", {
      params: { path, query: { limit: 10 } },
    }),
  );
  assert.deepEqual(
    page.items.map((message) => message.body),
    ["Hello Bob", "Hello Ann"],
  );
  value(
    await ann.carrier.api.PUT("/chats/{chat_id}/receipts", {
      params: { path },
      body: { read: reply.id },
    }),
  );
  const seen = value(await bob.carrier.api.GET("/chats/{chat_id}", { params: { path } }));
  assert.equal(seen.others.read_min, reply.id);

  const message = { params: { path: { ...path, message_id: first.id } } };
  const edited = value(
    await ann.carrier.api.PATCH("/chats/{chat_id}/messages/{message_id}", {
      ...message,
      body: { body: "Hello, Bob!" },
    }),
  );
  assert(edited.edited_at !== undefined);
  const thumb = { params: { path: { ...path, message_id: first.id, emoji: "👍" } } };
  value(
    await bob.carrier.api.PUT("/chats/{chat_id}/messages/{message_id}/reactions/{emoji}", thumb),
  );
  const now = value(await ann.carrier.api.GET("/chats/{chat_id}/messages/{message_id}", message));
  assert.deepEqual(now.reactions, [{ emoji: "👍", count: 1, user_ids: [bob.id] }]);

  const bytes = new Blob(["a file"], { type: "text/plain" });
  const file = await ann.carrier.upload(chat.id, bytes, "Grüße.txt");
  await ann.carrier.send(chat.id, { body: "", attachments: [file] });
  assert.equal(await (await bob.carrier.download(chat.id, file.hash)).text(), "a file");
  await assert.rejects(
    bob.carrier.download(chat.id, "0".repeat(64)),
    (error) => error instanceof CarrierError && error.problem.status === 404,
  );

  const hits = value(await bob.carrier.api.GET("/search", { params: { query: { q: "grüße" } } }));
  assert.equal(hits.items[0]?.message.attachments?.[0]?.name, "Grüße.txt");
  const { cursor } = value(await bob.carrier.api.GET("/sync"));
  await ann.carrier.send(chat.id, { body: "later" });
  const told = value(await bob.carrier.api.GET("/sync", { params: { query: { since: cursor } } }));
  const bodies = told.changes.flatMap((change) =>
    change.type === "message.created" ? [change.message.body] : [],
  );
  assert(bodies.includes("later"));

  const events: ServerEvent[] = [];
  const states: LiveState[] = [];
  const options = {
    onEvent: (event: ServerEvent) => events.push(event),
    onState: (state: LiveState) => states.push(state),
    WebSocket: NodeSocket,
  };
  const live = bob.carrier.live({ ...options, since: cursor });
  const comes = async (is: (event: ServerEvent) => boolean): Promise<void> => {
    for (
      const end = Date.now() + 10_000;
      !events.some(is);
      await new Promise((wait) => setTimeout(wait, 10))
    ) {
      assert(Date.now() < end, `it did not come; there came ${JSON.stringify(events)}`);
    }
  };
  await comes((event) => event.type === "message.created" && event.message.body === "later");
  const sent = await ann.carrier.send(chat.id, { body: "live" });
  await comes((event) => event.type === "message.created" && event.message.id === sent.id);
  await live.say({ type: "receipt", chat_id: chat.id, read: sent.id });
  await comes((event) => event.type === "receipt.updated" && event.unread_count === 0);
  await assert.rejects(
    live.say({ type: "typing", chat_id: crypto.randomUUID() }),
    (error) => error instanceof CarrierError,
  );
  value(await ann.carrier.api.POST("/chats/{chat_id}/typing", { params: { path }, body: {} }));
  await comes((event) => event.type === "typing" && event.user_id === ann.id);
  const moved = { type: "myapp.cursor", data: { line: 7 } };
  value(await ann.carrier.api.POST("/chats/{chat_id}/events", { params: { path }, body: moved }));
  await comes(
    (event) =>
      event.type === "chat.event" &&
      event.event_type === "myapp.cursor" &&
      event.sender_id === ann.id &&
      event.data.line === 7,
  );
  // A new password ends every session, and this one goes on as another.
  const token = bob.carrier.token;
  const new_password = "another long password";
  await bob.carrier.changePassword({ current_password: password, new_password });
  assert.notEqual(bob.carrier.token, token);
  const after = await ann.carrier.send(chat.id, { body: "after it" });
  await comes((event) => event.type === "message.created" && event.message.id === after.id);
  const email = "bob@example.com";
  await assert.rejects(
    bob.carrier.changeAccount({ email }),
    (error) => error instanceof CarrierError && error.problem.code === "invalid",
  );
  const me = await bob.carrier.changeAccount({ email, current_password: new_password });
  assert.equal(me.email, email);
  assert.equal("token" in me, false);
  const last = await ann.carrier.send(chat.id, { body: "and after that" });
  await comes((event) => event.type === "message.created" && event.message.id === last.id);
  value(await bob.carrier.api.POST("/auth/logout"));
  for (
    const end = Date.now() + 10_000;
    states.at(-1) !== "ended";
    await new Promise((wait) => setTimeout(wait, 10))
  )
    assert(Date.now() < end);
  assert.deepEqual(states, ["online", "online", "online", "ended"]);

  value(await ann.carrier.api.POST("/auth/logout"));
  const refused = await ann.carrier.api.GET("/users/me");
  assert.equal((refused.error as { code?: string } | undefined)?.code, "unauthorized");
});

test("a device whose clock is wrong makes keys of the server's time", async (context) => {
  const { carrier } = await person("ts_late");
  const now = Date.now.bind(Date);
  const made = (key: string) => Number.parseInt(key.replaceAll("-", "").slice(0, 12), 16);
  for (const hours of [-5, 5, 0]) {
    context.mock.method(Date, "now", () => now() + hours * 3_600_000);
    value(await carrier.api.GET("/users/me"));
    assert(Math.abs(made(newKey()) - now()) < 60_000, `${hours} hours off`);
  }
});
