/**
 * Tokens of an identity provider, against a running server: CARRIER_URL says where, and
 * CARRIER_TOKENS where it has tokens that it believes: `/token/SUBJECT/SECONDS`.
 */

import assert from "node:assert/strict";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { WebSocket } from "ws";

import {
  Carrier,
  CarrierError,
  type LiveOptions,
  type LiveState,
  type ServerEvent,
  value,
} from "../src/index.js";

const NodeSocket = WebSocket as unknown as NonNullable<LiveOptions["WebSocket"]>;

const baseUrl = process.env.CARRIER_URL ?? "";

async function tokenOf(subject: string, seconds: number): Promise<string> {
  const answer = await fetch(`${process.env.CARRIER_TOKENS}/token/${subject}/${seconds}`);
  assert.equal(answer.status, 200);
  return answer.text();
}

async function eventually(is: () => boolean): Promise<void> {
  for (const end = Date.now() + 30_000; !is(); ) {
    assert(Date.now() < end, "it did not come to be");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test("a user of a product is in by its token, and stays in when that ends", async () => {
  let asked = 0;
  const token = () => {
    asked++;
    return tokenOf("ts_tess", 8);
  };
  const tess = new Carrier({ baseUrl, token });
  const all = await Promise.all([1, 2, 3, 4].map(() => tess.api.GET("/users/me")));
  assert(all.every(({ data }) => data?.external_id === "ts_tess"));
  assert.equal(asked, 1, "one token is for all who wait");
  const tom = new Carrier({ baseUrl, token: () => tokenOf("ts_tom", 600) });
  const { id } = value(await tom.api.GET("/users/me"));

  const states: LiveState[] = [];
  const events: ServerEvent[] = [];
  const live = tess.live({
    onEvent: (event) => events.push(event),
    onState: (state) => states.push(state),
    WebSocket: NodeSocket,
  });
  try {
    await eventually(() => states.length === 1);
    // The server ends the connection with its token, and another one goes on.
    await eventually(() => states.length === 2);
    assert.deepEqual(states, ["online", "online"]);
    assert(asked > 1);
    const members = [value(await tess.api.GET("/users/me")).id];
    const chat = value(await tom.api.POST("/chats", { body: { kind: "direct", members } }));
    assert.notEqual(id, members[0]);
    await tom.send(chat.id, { body: "still there?" });
    const has = (event: ServerEvent) =>
      event.type === "message.created" && event.message.body === "still there?";
    await eventually(() => events.some(has));
    const file = await tess.upload(chat.id, new Blob(["x"]), "x.txt");
    await tess.send(chat.id, { body: "", attachments: [file] });
    assert.equal(await (await tom.download(chat.id, file.hash)).text(), "x");
  } finally {
    live.close();
  }
});

test("a token that is refused is asked for once more, and no more than that", async () => {
  const past = await tokenOf("ts_una", -600);
  const good = await tokenOf("ts_una", 600);
  const given: string[] = [];
  const from = (tokens: string[]) => () => {
    given.push(tokens[Math.min(given.length, tokens.length - 1)] ?? "");
    return Promise.resolve(given.at(-1) ?? "");
  };
  const late = new Carrier({ baseUrl, token: from([past, good]) });
  const made = value(
    await late.api.POST("/chats", { body: { kind: "group", name: "Ours", members: [] } }),
  );
  assert.equal(made.name, "Ours", "its body was sent again");
  assert.deepEqual(given, [past, good]);
  given.length = 0;
  const again = new Carrier({ baseUrl, token: from([past, good]) });
  await again.upload(made.id, new Blob(["x"]), "x.txt");
  assert.deepEqual(given, [past, good]);

  for (const bad of [[past], [past, "x"]]) {
    given.length = 0;
    const out = new Carrier({ baseUrl, token: from(bad) });
    const refused = await out.api.GET("/users/me");
    assert.equal(refused.response.status, 401);
    assert.equal(given.length, 2);
  }
  const states: LiveState[] = [];
  given.length = 0;
  const out = new Carrier({ baseUrl, token: from([past]) });
  const onState = (state: LiveState) => states.push(state);
  out.live({ onEvent: () => undefined, onState, WebSocket: NodeSocket });
  await eventually(() => states.length > 0);
  assert.deepEqual(states, ["ended"]);
  // The provider's own failure is no end.
  const away = new Carrier({ baseUrl, token: () => Promise.reject(new Error("away")) });
  await assert.rejects(away.api.GET("/users/me"), /away/);
  const waiting = away.live({ onEvent: () => undefined, onState, WebSocket: NodeSocket });
  await eventually(() => states.length === 2);
  waiting.close();
  assert.equal(states[1], "offline");
});

test("a JWT is asked for again before it ends, any other when it is refused", async (context) => {
  let seen: string | undefined;
  const server = createServer((request: IncomingMessage, response) => {
    seen = request.headers.authorization;
    const isOver = seen === "Bearer opaque-1";
    response.writeHead(isOver ? 401 : 200, { "content-type": "application/json" });
    response.end(isOver ? '{"code":"unauthorized","status":401,"detail":""}' : "{}");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const now = Date.now();
    const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString("base64url");
    const until = (exp: number, iat?: number) => `eyJ.${part({ exp, iat, name: "ÿÿ??" })}.x`;
    const seconds = Math.floor(now / 1000);
    const table: [token: string, lives: number][] = [
      [until(seconds + 600), 540],
      [until(seconds + 600, seconds), 540],
      [until(seconds + 40, seconds), 20],
      ["opaque", 1e6],
      ["a.b.c", 1e6],
    ];
    for (const [token, lives] of table) {
      let asked = 0;
      const ask = () => Promise.resolve(`${token}${asked++ === 0 ? "" : asked}`);
      const carrier = new Carrier({ baseUrl: url, token: ask });
      for (const [after, times] of [
        [0, 1],
        [lives - 10, 1],
        ...(lives < 1e6 ? [[lives + 10, 2] as const] : []),
      ] as const) {
        context.mock.method(Date, "now", () => now + after * 1000);
        // The clock of the device is that of the server here.
        await carrier.currentToken();
        assert.equal(asked, times, `${token} after ${after} s`);
      }
    }
    context.mock.restoreAll();
    let asked = 0;
    const carrier = new Carrier({
      baseUrl: url,
      token: () => Promise.resolve(`opaque-${++asked}`),
    });
    value(await carrier.api.GET("/users/me"));
    assert.equal(seen, "Bearer opaque-2");
    value(await carrier.api.GET("/users/me"));
    assert.equal(asked, 2);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});

test("a session that lost a ticket is not over", async () => {
  const ada = new Carrier({ baseUrl });
  const email = "ts_ada@example.org";
  await ada.register({ username: "ts_ada", email, password: "a long enough password" });
  const states: LiveState[] = [];
  let opened = 0;
  // The first ticket is of no use.
  const Socket = class extends WebSocket {
    constructor(address: string) {
      super(opened++ === 0 ? address.replace(/ticket=\w+/, `ticket=${"0".repeat(66)}`) : address);
    }
  } as unknown as NonNullable<LiveOptions["WebSocket"]>;
  const onState = (state: LiveState) => states.push(state);
  const live = ada.live({ onEvent: () => undefined, onState, WebSocket: Socket });
  await eventually(() => states.length > 0);
  assert.deepEqual(states, ["online"]);
  value(await ada.api.POST("/auth/logout"));
  await eventually(() => states.length > 1);
  live.close();
  assert.deepEqual(states, ["online", "ended"]);
  const refused = await ada.api.GET("/users/me");
  assert.throws(() => value(refused), CarrierError);
});
