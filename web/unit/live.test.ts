import { Carrier, type LiveOptions, type ServerEvent } from "@carrier/client";
import { afterEach, expect, test, vi } from "vitest";

type WebSocketLike = InstanceType<NonNullable<LiveOptions["WebSocket"]>>;

afterEach(() => vi.useRealTimers());

/** Connects to a server that is this test; these are its answers to `/sync`, in their order. */
async function connected(...pages: { partial: boolean }[]) {
  const sockets: WebSocketLike[] = [];
  class Socket implements WebSocketLike {
    onmessage: WebSocketLike["onmessage"] = null;
    onclose: WebSocketLike["onclose"] = null;
    onerror: WebSocketLike["onerror"] = null;
    constructor() {
      sockets.push(this);
    }
    send = () => undefined;
    close = () => undefined;
  }
  const answer = async () => {
    const page = { changes: [], cursor: "b", more: false, ...pages.shift() };
    return new Response(JSON.stringify(page), { headers: { "content-type": "application/json" } });
  };
  const told: boolean[] = [];
  const live = new Carrier({ baseUrl: "http://localhost", fetch: answer }).live({
    since: "a",
    onEvent: () => undefined,
    onPartial: (isPartial) => told.push(isPartial),
    WebSocket: Socket,
  });
  await vi.advanceTimersByTimeAsync(0);
  const hears = async (event: object) => {
    sockets[0]?.onmessage?.({ data: JSON.stringify(event as ServerEvent) });
    await vi.advanceTimersByTimeAsync(0);
  };
  return { live, told, hears };
}

const hello = (more: object) => ({ type: "hello", cursor: "b", heartbeat_ms: 25_000, ...more });
const heartbeat = (partial: boolean) => ({ type: "heartbeat", cursor: "c", partial });

test("a connection tells when changes are missing, and when they are not any more", async () => {
  vi.useFakeTimers();
  const { live, told, hears } = await connected();
  await hears(hello({ resumed: true, partial: false }));
  await hears(heartbeat(false));
  expect(told).toEqual([]);
  await hears(heartbeat(true));
  await hears(heartbeat(true));
  expect(told).toEqual([true]);
  await hears(hello({ resumed: true, partial: false }));
  expect(told).toEqual([true, false]);
  live.close();
});

test("what a page of changes lacks is told until the next page has it", async () => {
  vi.useFakeTimers();
  const { live, told, hears } = await connected({ partial: true }, { partial: false });
  await hears(hello({ resumed: false, partial: false }));
  await hears(heartbeat(false)); // the server cannot know what was not fetched yet
  expect(told).toEqual([true]);
  await vi.advanceTimersByTimeAsync(5000);
  expect(told).toEqual([true, false]);
  live.close();
});
