/** Who is at this page, from the first look at the cookie to the logout; and all that runs meanwhile. */

import { type Account, CarrierError, type Live, type ServerEvent, value } from "@carrier/client";

import { api, carrier } from "../carrier";
import { apply } from "./events";
import { drain, openOutbox } from "./outbox";
import { forgetPeople, putPeople } from "./people";
import { openReceipts } from "./receipts";
import { change, forget, putChat, together, world } from "./world";

/** Tells the other tabs that somebody came or went. */
const tabs = new BroadcastChannel("carrier.session");
tabs.onmessage = () => location.reload();

let live: Live | undefined;
let close: Array<() => void> = [];

/** What the page begins with: is there a session? */
export async function resume(): Promise<void> {
  for (;;) {
    try {
      return await begin(value(await api.GET("/users/me")));
    } catch (error) {
      if (error instanceof CarrierError && error.problem.status === 401) return change({ me: null });
      change({ connection: "offline" });
      await new Promise((resolve) => setTimeout(resolve, 2000));
    }
  }
}

export async function logIn(login: string, password: string): Promise<void> {
  await begin(await carrier.login(login, password));
  tabs.postMessage("in");
}

export async function signUp(who: Parameters<typeof carrier.register>[0]): Promise<void> {
  await begin(await carrier.register(who));
  tabs.postMessage("in");
}

export async function logOut(): Promise<void> {
  value(await api.POST("/auth/logout"));
  over();
  tabs.postMessage("out");
}

/** The session is no more: everything of it goes. */
export function over(): void {
  live?.close();
  live = undefined;
  close.forEach((each) => each());
  close = [];
  forgetPeople();
  forget();
}

/** Says something on the connection, if there is one: what it is about is of the moment. */
export function say(command: Parameters<Live["say"]>[0]): void {
  live?.say(command).catch(() => undefined);
}

async function begin(me: Account): Promise<void> {
  change({ me, connection: "connecting" });
  // The cursor comes first, so that what happens while the chats are listed is told, too.
  const { cursor } = value(await api.GET("/sync"));
  await listChats();
  live = carrier.live({
    since: cursor,
    onEvent: (event) => (event.type === "session.revoked" ? over() : take(event)),
    onState: (state) => {
      change({ connection: state });
      if (state === "ended") over();
      if (state === "online") void drain();
    },
  });
  close = [openOutbox(), openReceipts(), followNetwork(live)];
}

/** What came within so many milliseconds is shown together: after an absence a thousand events come at once. */
const TOGETHER_MS = 12;
let taken: ServerEvent[] = [];

function take(event: ServerEvent): void {
  if (taken.push(event) > 1) return;
  setTimeout(() => {
    const events = taken;
    taken = [];
    if (live !== undefined) together(() => events.forEach(apply));
  }, TOGETHER_MS);
}

/** The browser knows at once when the network goes, and when it is back. */
function followNetwork(live: Live): () => void {
  const gone = () => change({ connection: "offline" });
  const back = () => live.reconnect();
  addEventListener("offline", gone);
  addEventListener("online", back);
  return () => {
    removeEventListener("offline", gone);
    removeEventListener("online", back);
  };
}

async function listChats(): Promise<void> {
  for (const archived of [false, true]) {
    for (let cursor: string | undefined; ; ) {
      const query = { archived, limit: 100, ...(cursor !== undefined && { cursor }) };
      const page = value(await api.GET("/chats", { params: { query } }));
      page.items.forEach(putChat);
      putPeople(page.items.flatMap(({ peer }) => (peer === undefined ? [] : [peer])));
      if (world().listed === false && cursor === undefined && !archived) change({ listed: true }); // the newest may be shown
      cursor = page.next;
      if (cursor === undefined) break;
    }
  }
}
