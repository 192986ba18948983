/** Tells of messages that come while somebody looks elsewhere: by a notification of the system, and by the title. */

import { brief } from "../parts/names";
import { nameOf } from "./people";
import { onMessage } from "./events";
import { isMuted, useWorld, world } from "./world";

const KEY = "carrier.notify";
/** When a tab was last looked at, in milliseconds; all tabs know. */
const LOOKED = "carrier.looked";
const EVERY_MS = 2000;

const hasEyes = () => document.visibilityState === "visible" && document.hasFocus();

/** Whether somebody looks at this page, or at another tab of it. */
function isLookedAt(): boolean {
  return hasEyes() || Date.now() - Number(localStorage.getItem(LOOKED)) < 2 * EVERY_MS;
}

function tellWhetherLookedAt(): () => void {
  const look = () => hasEyes() && localStorage.setItem(LOOKED, String(Date.now()));
  const away = () => localStorage.removeItem(LOOKED);
  const timer = setInterval(look, EVERY_MS);
  look();
  addEventListener("focus", look);
  addEventListener("blur", away);
  return () => {
    clearInterval(timer);
    removeEventListener("focus", look);
    removeEventListener("blur", away);
  };
}

/** Android's browsers have them, but not for a page itself. */
export const canNotify = "Notification" in window && !/Android/.test(navigator.userAgent);

export function mayNotify(): boolean {
  return canNotify && Notification.permission === "granted" && localStorage.getItem(KEY) === "yes";
}

/** Asks for what is missing; what came of it. */
export async function wantNotifications(wanted: boolean): Promise<boolean> {
  localStorage.setItem(KEY, wanted ? "yes" : "no");
  if (wanted && canNotify && Notification.permission === "default") await Notification.requestPermission();
  return mayNotify();
}

/** Begins; call what it returns to end it. */
export function openNotify(open: (chat: string) => void): () => void {
  const stop = onMessage((message) => {
    const { me, chats } = world();
    const chat = chats[message.chat_id];
    if (isLookedAt() || chat === undefined || isMuted(chat) || chat.preferences.archived || message.sender_id === me?.id || message.kind === "system" || !mayNotify()) return;
    const from = nameOf(message.sender_id);
    const title = chat.kind === "group" && chat.name !== undefined ? `${from} in ${chat.name}` : from;
    // All tabs of a chat share one, by its tag.
    const shown = new Notification(title, { body: brief(message).slice(0, 200), tag: message.chat_id, icon: "/favicon.svg" });
    shown.onclick = () => {
      window.focus();
      open(message.chat_id);
      shown.close();
    };
  });
  const title = () => {
    const unread = Object.values(world().chats).filter((chat) => chat.unread_count > 0 && !isMuted(chat) && !chat.preferences.archived).length;
    const now = unread > 0 ? `(${unread}) Carrier` : "Carrier";
    if (document.title !== now) document.title = now;
  };
  const unlook = tellWhetherLookedAt();
  title();
  const untitle = useWorld.subscribe(title);
  return () => {
    stop();
    unlook();
    untitle();
    document.title = "Carrier";
  };
}
