/** Who is at this page, from the first look at the cookie to the logout; and all that runs meanwhile. */

import { type Account, CarrierError, type Live, type ServerEvent, value } from "@carrier/client";

import { api, carrier } from "../carrier";
import { forgetDrafts } from "./drafts";
import { apply } from "./events";
import { drain, forgetWaiting, openOutbox, wake } from "./outbox";
import { putPeople } from "./people";
import { openReceipts } from "./receipts";
import { change, putChat, together, world } from "./world";

/** Tells the other tabs that somebody came or went. */
const tabs = new BroadcastChannel("carrier.session");
tabs.onmessage = () => location.reload();

/** What the page says after a session that ended by itself. */
const ENDED = "carrier.ended";
const AGAIN_MS = 2000;

let live: Live | undefined;

/** Asks until the server answers; `undefined`: nobody is logged in. */
async function ask<T>(question: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (error instanceof CarrierError && error.problem.status === 401) return undefined;
      change({ connection: "offline" });
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

/** What the page begins with: is there a session? */
export async function resume(): Promise<void> {
  const me = await ask(async () => value(await api.GET("/users/me")));
  if (me === undefined) change({ me: null });
  else await begin(me);
}

export async function logIn(login: string, password: string): Promise<void> {
  await enter(await carrier.login(login, password, device()));
}

export async function signUp(who: Parameters<typeof carrier.register>[0]): Promise<void> {
  await enter(await carrier.register({ ...who, device: device() }));
}

/** A browser keeps a cookie that is only for https to itself elsewhere; then nobody is in, whatever the server answered. */
async function enter(me: Account): Promise<void> {
  const { response } = await api.GET("/users/me");
  if (response.status === 401) throw new Error("This browser keeps no session for this address. Open the page over https, or on this machine as localhost.");
  sessionStorage.removeItem(ENDED);
  tabs.postMessage("in");
  await begin(me);
}

export async function logOut(): Promise<void> {
  value(await api.POST("/auth/logout"));
  forgetMe();
  tabs.postMessage("out");
  location.reload(); // nothing of anybody is left in memory
}

/** The account is no more. */
export function erased(): void {
  forgetMe();
  location.reload();
}

function forgetMe(): void {
  const id = world().me?.id ?? "";
  forgetDrafts(id);
  forgetWaiting();
}

/** The session has ended elsewhere; what was not sent waits for whoever logs in again. */
function over(): void {
  sessionStorage.setItem(ENDED, "yes");
  location.reload();
}

/** Whether somebody was thrown out. */
export const wasEnded = () => sessionStorage.getItem(ENDED) !== null;

/** Says something on the connection, if there is one: what it is about is of the moment. */
export function say(command: Parameters<Live["say"]>[0]): void {
  live?.say(command).catch(() => undefined);
}

async function begin(me: Account): Promise<void> {
  change({ me, connection: "connecting" });
  // The cursor comes first, so that what happens while the chats are listed is told, too.
  const since = await ask(async () => {
    const { cursor } = value(await api.GET("/sync"));
    await listChats();
    return cursor;
  });
  if (since === undefined) return over();
  live = carrier.live({
    since,
    onEvent: (event) => (event.type === "session.revoked" ? over() : take(event)),
    onState: (state) => {
      change({ connection: state });
      if (state === "ended") over();
      if (state === "online") wake();
    },
  });
  openOutbox();
  openReceipts();
  // The browser knows at once when the network goes, and when it is back.
  addEventListener("offline", () => change({ connection: "offline" }));
  addEventListener("online", () => {
    live?.reconnect();
    void drain();
  });
}

/** What came within so many milliseconds is shown together: after an absence a thousand events come at once. */
const TOGETHER_MS = 12;
let taken: ServerEvent[] = [];

function take(event: ServerEvent): void {
  if (taken.push(event) > 1) return;
  setTimeout(() => {
    const events = taken;
    taken = [];
    together(() => events.forEach(applySafely));
  }, TOGETHER_MS);
}

/** One that cannot be shown takes no other with it. */
function applySafely(event: ServerEvent): void {
  try {
    apply(event);
  } catch (error) {
    reportError(error);
  }
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

/** What somebody knows this browser by in their list of sessions. */
function device(): string {
  const agent = navigator.userAgent;
  const of = (names: Array<[RegExp, string]>, otherwise: string) => names.find(([like]) => like.test(agent))?.[1] ?? otherwise;
  const browser = of([[/Edg/, "Edge"], [/OPR/, "Opera"], [/Firefox|FxiOS/, "Firefox"], [/Chrome|CriOS/, "Chrome"], [/Safari/, "Safari"]], "A browser");
  const system = of([[/Android/, "Android"], [/iPhone|iPad/, "iOS"], [/Windows/, "Windows"], [/Mac OS/, "macOS"], [/CrOS/, "ChromeOS"], [/Linux/, "Linux"]], "");
  return system === "" ? browser : `${browser} on ${system}`;
}
