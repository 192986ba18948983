/** The patience of requests, with servers of this test's own. */

import assert from "node:assert/strict";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";

import { withPatience } from "../src/patience.js";

const PATIENCE_MS = 300;

/** Serves for the time of a test. */
async function serving(answer: RequestListener, act: (url: string) => Promise<void>) {
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await act(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const isLate = (error: Error) => error.name === "TimeoutError";

test("a reader who pauses for longer than the server may is not cut off", async () => {
  const answer: RequestListener = (_, response) => {
    response.write("one");
    setTimeout(() => response.end("two"), 20);
  };
  await serving(answer, async (url) => {
    const response = await withPatience(fetch, PATIENCE_MS)(url);
    const reader = response.body?.getReader();
    const first = await reader?.read();
    await new Promise((resolve) => setTimeout(resolve, 3 * PATIENCE_MS));
    const second = await reader?.read();
    assert.equal(new TextDecoder().decode(first?.value), "one");
    assert.equal(new TextDecoder().decode(second?.value), "two");
    assert.equal((await reader?.read())?.done, true);
  });
});

test("a server that stops in the middle of an answer is given up", async () => {
  await serving(
    (_, response) => void response.write("one"),
    async (url) => {
      const response = await withPatience(fetch, PATIENCE_MS)(url);
      await assert.rejects(response.text(), isLate);
    },
  );
});

test("a server that says nothing is given up", async () => {
  await serving(
    () => undefined,
    (url) => assert.rejects(withPatience(fetch, PATIENCE_MS)(url), isLate),
  );
});

for (const status of [204, 205, 304]) {
  test(`an answer of ${status} stays empty, though a browser gives it a body`, async () => {
    const empty = new Response(null, { status });
    Object.defineProperty(empty, "body", { value: new ReadableStream() });
    const response = await withPatience(async () => empty, PATIENCE_MS)("http://localhost");
    assert.equal(response.status, status);
    assert.equal(response, empty);
  });
}
