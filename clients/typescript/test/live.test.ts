/** Connections and requests to a server that has gone, against a running one: CARRIER_URL. */

import assert from "node:assert/strict";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { test } from "node:test";

import { WebSocket } from "ws";

import { Carrier, type Live, type LiveOptions, type LiveState } from "../src/index.js";

const NodeSocket = WebSocket as unknown as NonNullable<LiveOptions["WebSocket"]>;

/** Begins to listen on a free port; returns the address. */
async function listen(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A way to the server on which connections can die, so that neither end hears of it. */
async function mortalWay(): Promise<{ url: string; die: () => void; end: () => void }> {
  const { hostname, port } = new URL(process.env.CARRIER_URL ?? "");
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = connect(Number(port), hostname);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on("error", () => undefined);
      one.on("close", () => other.destroy());
      one.pipe(other);
    }
  });
  return {
    url: await listen(server),
    die: () => {
      for (const socket of sockets) socket.unpipe().pause();
    },
    end: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

async function eventually(is: () => boolean, within: number): Promise<void> {
  const end = Date.now() + within;
  while (!is()) {
    assert(Date.now() < end, "it did not come to be");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

const password = "a long enough password";

test("a dead connection is noticed by a question, and when the page is shown", async () => {
  const way = await mortalWay();
  // A page, as far as it is used: Node.js has none.
  const [page, window] = [new EventTarget(), new EventTarget()];
  const globals = globalThis as Record<string, unknown>;
  const addEventListener = window.addEventListener.bind(window);
  Object.assign(globals, { document: page, addEventListener });
  let live: Live | undefined;
  try {
    const carrier = new Carrier({ baseUrl: way.url, patience: 10_000 });
    await carrier.register({ username: "ts_dora", email: "ts_dora@example.org", password });
    const states: LiveState[] = [];
    const onState = (state: LiveState) => states.push(state);
    live = carrier.live({ onEvent: () => undefined, onState, WebSocket: NodeSocket });
    await eventually(() => states.length === 1, 20_000);

    live.probe(); // it stands
    await live.say({ type: "ping" });
    const wakes: [string, () => void][] = [
      ["probe", () => live?.probe()],
      ["visibilitychange", () => page.dispatchEvent(new Event("visibilitychange"))],
      ["pageshow", () => window.dispatchEvent(new Event("pageshow"))],
      ["online", () => window.dispatchEvent(new Event("online"))],
    ];
    for (const [name, wake] of wakes) {
      states.length = 0;
      way.die();
      wake();
      // Without a question it takes a minute.
      await eventually(() => states.at(-1) === "online", 20_000);
      assert(states.includes("offline") || name === "online", name);
      await live.say({ type: "ping" });
    }
  } finally {
    live?.close();
    delete globals.document;
    delete globals.addEventListener;
    way.end();
  }
});

test("a request ends when nothing comes, and not while something does", async () => {
  let requests = 0;
  const server = createHttpServer((request, response) => {
    requests++;
    if (request.url?.endsWith("/users/me") === true) return; // no answer at all
    response.writeHead(200, { "content-type": "application/json" });
    response.write('{"cursor":');
    if (request.url?.includes("stuck") === true) return; // half of one
    let left = 25;
    const timer = setInterval(() => {
      response.write(" ");
      if (--left > 0) return;
      clearInterval(timer);
      response.end('"1"}');
    }, 100);
  });
  const baseUrl = await listen(server);
  try {
    const carrier = new Carrier({ baseUrl, patience: 2000 });
    const late = (error: unknown) => error instanceof Error && error.name === "TimeoutError";
    await assert.rejects(carrier.api.GET("/users/me"), late);
    const half = carrier.api.GET("/sync", { params: { query: { since: "stuck" } } });
    await assert.rejects(half, late);
    // Longer than the patience, and never silent for as long.
    const { data } = await carrier.api.GET("/sync");
    assert.equal(data?.cursor, "1");
    assert.equal(requests, 3);
    const stop = new AbortController();
    const asked = carrier.api.GET("/users/me", { signal: stop.signal });
    stop.abort();
    await assert.rejects(asked, (error) => error instanceof Error && error.name === "AbortError");
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
