/** The session at this page, from the first look at the cookie to the logout. */

import { type Account, CarrierError, value } from "@carrier/client";

import { api, carrier } from "../client";
import { forgetEarly } from "../early";
import { deviceName } from "../state/device";
import { forgetDrafts } from "../state/drafts";
import { chatAddress } from "../state/first-look";
import { isFinal } from "../state/problems";
import { ofTab } from "../state/storage";
import { change, world } from "../state/world";
import { applySoon } from "./apply";
import { listChats } from "./chats";
import { loadOpened } from "./first-look";
import { loadMeta } from "./limits";
import { connect } from "./live";
import { openMarkdown } from "./markdown";
import { discardAll, openOutbox, wakeOutbox } from "./outbox";
import { openReceipts } from "./receipts";

/** Tells the other tabs that an account logged in, is about to log out, stays, or is gone. */
const tabs = new BroadcastChannel("carrier.session");
tabs.onmessage = ({ data }: MessageEvent<"in" | "leaving" | "staying" | "out">) => {
  if (data === "in" || data === "out") location.reload();
  else isLeaving = data === "leaving";
};

/** The key in the tab's storage that says that the session ended by itself. */
const ENDED = "carrier.ended";
const RETRY_MS = 2000;

/** Asks until the server answers; `undefined` when nobody is logged in. */
async function ask<T>(question: () => Promise<T>): Promise<T | undefined> {
  for (;;) {
    try {
      return await question();
    } catch (error) {
      if (error instanceof CarrierError && error.problem.status === 401) return undefined;
      change({ connection: "offline" });
      await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
    }
  }
}

/** Goes on with the session of this browser, if there is one. */
export async function resume(): Promise<void> {
  const hasSession = await ask(loadMeta);
  // A visitor is not asked who they are: the refusal would stand in red in their console.
  const me = hasSession === true ? await ask(async () => value(await api.GET("/users/me"))) : null;
  if (me == null) change({ me: null });
  else await begin(me);
}

export async function logIn(login: string, password: string): Promise<void> {
  await enter(await carrier.login(login, password, deviceName(navigator.userAgent)));
}

export async function signUp(account: Parameters<typeof carrier.register>[0]): Promise<void> {
  const device = deviceName(navigator.userAgent);
  await enter(await carrier.register({ ...account, device }));
}

/**
 * Begins a session. Over http a browser does not keep a cookie that is for https only, and one that
 * blocks cookies keeps none; then nobody is logged in, whatever the server answered.
 */
async function enter(me: Account): Promise<void> {
  const { response } = await api.GET("/users/me");
  if (response.status === 401)
    throw new Error(
      takesCookies()
        ? "This browser can’t stay logged in at this address. " +
            "Open the page over https, or as localhost on this machine."
        : "This browser blocks cookies, so it can’t stay logged in. " +
            "Allow cookies for this page, and try again.",
    );
  ofTab.removeItem(ENDED);
  tabs.postMessage("in");
  await begin(me);
}

/** True for a browser that keeps a cookie for this page; what it says of itself may be wrong. */
function takesCookies(): boolean {
  // biome-ignore lint/suspicious/noDocumentCookie: the other way to ask does not exist over http
  document.cookie = "carrier_probe=yes; path=/; samesite=strict; max-age=10";
  return document.cookie.includes("carrier_probe=yes");
}

/** Logs out. What this browser keeps of the account is gone, though the answer may be lost. */
export function logOut(): Promise<void> {
  forgetTexts();
  return leave(async () => {
    const answer = await api.POST("/auth/logout");
    if (answer.response.status !== 401) value(answer); // else the session has ended already
  });
}

/** Deletes the account, and all that this browser keeps of it. */
export const eraseAccount = (password: string) =>
  leave(async () => value(await api.POST("/users/me/erase", { body: { password } })));

/** True while a tab ends the session: the news of it may come before the answer. */
let isLeaving = false;

async function leave(endSession: () => Promise<unknown>): Promise<void> {
  isLeaving = true;
  tabs.postMessage("leaving");
  try {
    await endSession();
  } catch (error) {
    isLeaving = !isFinal(error); // without an answer, the session may have ended
    if (!isLeaving) tabs.postMessage("staying");
    throw error;
  }
  forgetAccount();
}

/** Forgets what this browser keeps of the account; the reload leaves nothing in memory. */
function forgetAccount(): void {
  forgetTexts();
  tabs.postMessage("out");
  location.reload();
}

/** Forgets what was written and not sent. */
function forgetTexts(): void {
  forgetDrafts(world().me?.id ?? "");
  discardAll();
}

/** Leaves a session that has ended elsewhere; what was not sent is sent by the next login. */
function leaveEnded(): void {
  if (isLeaving) forgetAccount();
  else {
    ofTab.setItem(ENDED, "yes");
    location.reload();
  }
}

/** True when the session ended by itself. */
export const wasEnded = (): boolean => ofTab.getItem(ENDED) !== null;

async function begin(me: Account): Promise<void> {
  change({ me, connection: "connecting" });
  openMarkdown();
  // The browser knows at once when the network goes, and when it is back.
  addEventListener("offline", () => change({ connection: "offline" }));
  addEventListener("online", wakeOutbox);
  document.addEventListener("visibilitychange", wakeOutbox); // another tab may sleep by now
  const open = chatAddress(location);
  if (open !== undefined) loadOpened(open).catch(() => undefined); // its screen tries again
  // All at once: the cursor is a minute old, so that no event is missed meanwhile.
  const since = await ask(async () => {
    const [answer] = await Promise.all([api.GET("/sync"), listChats()]);
    return value(answer).cursor;
  });
  if (since === undefined) return leaveEnded();
  forgetEarly();
  connect({
    since,
    onEvent: applySoon,
    onState: (state) => {
      change({ connection: state });
      if (state === "ended") leaveEnded();
      if (state === "online") wakeOutbox();
    },
    onPartial: (partial) => change({ partial }),
  });
  openOutbox();
  openReceipts();
}
