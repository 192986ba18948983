/**
 * Notifies of messages that come while nobody looks at the page: by a notification of the system,
 * and by the title.
 */

import type { Message } from "@carrier/client";

import { firstCharacters } from "../state/characters";
import { isMuted } from "../state/chats";
import { isolated } from "../state/direction";
import { brief } from "../state/names";
import { nameOf } from "../state/people";
import { shared } from "../state/storage";
import { world, worldStore } from "../state/world";
import { onMessage } from "./apply";

/** The key of the choice whether to notify, in the browser's storage. */
const CHOICE = "carrier.notify";
/** The key of the time when a tab was last looked at, in milliseconds; all tabs read it. */
const LOOKED = "carrier.looked";
const LOOK_EVERY_MS = 2000;
/** Characters of a message in a notification. */
const MOST_CHARACTERS = 200;

const isInFront = () => document.visibilityState === "visible" && document.hasFocus();

/** True when this page is looked at, or another tab of it. */
function isLookedAt(): boolean {
  return isInFront() || Date.now() - Number(shared.getItem(LOOKED)) < 2 * LOOK_EVERY_MS;
}

/** Tells the other tabs while this one is looked at; returns how to stop. */
function shareLooks(): () => void {
  const look = () => isInFront() && shared.setItem(LOOKED, String(Date.now()));
  const away = () => shared.removeItem(LOOKED);
  const timer = setInterval(look, LOOK_EVERY_MS);
  look();
  addEventListener("focus", look);
  addEventListener("blur", away);
  return () => {
    clearInterval(timer);
    removeEventListener("focus", look);
    removeEventListener("blur", away);
  };
}

/** False on Android, too, whose browsers have notifications, but not for a page itself. */
export const canNotify = "Notification" in window && !/Android/.test(navigator.userAgent);

export function mayNotify(): boolean {
  return canNotify && Notification.permission === "granted" && shared.getItem(CHOICE) === "yes";
}

/** Keeps the choice, and asks for permission if need be. Returns whether notifications are on. */
export async function chooseNotifications(isWanted: boolean): Promise<boolean> {
  shared.setItem(CHOICE, isWanted ? "yes" : "no");
  if (isWanted && canNotify && Notification.permission === "default")
    await Notification.requestPermission();
  return mayNotify();
}

function notify(message: Message, openChat: (chat: string) => void): void {
  const { me, chats } = world();
  const chat = chats[message.chat_id];
  if (isLookedAt() || chat === undefined || isMuted(chat) || chat.preferences.archived) return;
  if (message.sender_id === me?.id || message.kind === "system" || !mayNotify()) return;
  const sender = nameOf(message.sender_id);
  const isNamed = chat.kind === "group" && chat.name !== undefined;
  const title = isNamed ? `${isolated(sender)} in ${isolated(chat.name ?? "")}` : sender;
  const body = firstCharacters(brief(message), MOST_CHARACTERS);
  // The tabs of a chat share one notification, by its tag.
  const shown = new Notification(title, { body, tag: message.chat_id, icon: "/favicon.svg" });
  shown.onclick = () => {
    window.focus();
    openChat(message.chat_id);
    shown.close();
  };
}

function showUnreadInTitle(): void {
  const isCounted = (chat: (typeof chats)[number]) =>
    chat.unread_count > 0 && !isMuted(chat) && !chat.preferences.archived;
  const chats = Object.values(world().chats);
  const unread = chats.filter(isCounted).length;
  const title = unread > 0 ? `(${unread}) Carrier` : "Carrier";
  if (document.title !== title) document.title = title;
}

/** Begins to notify; returns how to stop. */
export function openNotifications(openChat: (chat: string) => void): () => void {
  const stopNotifying = onMessage((message) => notify(message, openChat));
  const stopSharing = shareLooks();
  showUnreadInTitle();
  const stopTitle = worldStore.subscribe(showUnreadInTitle);
  return () => {
    stopNotifying();
    stopSharing();
    stopTitle();
    document.title = "Carrier";
  };
}
