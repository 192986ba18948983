/**
 * Notifies of messages that come while nobody looks at the page: by a notification of the system,
 * and by the title.
 */

import type { Message } from "@carrier/client";

import { firstCharacters } from "../state/characters";
import { isMuted } from "../state/chats";
import { isolated } from "../state/direction";
import { brief } from "../state/names";
import { stillNotified } from "../state/notices";
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

/** The time for which other tabs are kept from notifying of the same message, in milliseconds. */
const HELD_MS = 5000;

/** Tells whether this is the first tab that would notify of a message. */
const isFirst = (id: number): Promise<boolean> =>
  new Promise((resolve) => {
    void navigator.locks.request(`carrier.notify.${id}`, { ifAvailable: true }, (lock) => {
      resolve(lock !== null);
      return lock === null ? undefined : new Promise((end) => setTimeout(end, HELD_MS));
    });
  });

/** What is shown of a chat. */
interface Shown {
  message: Message;
  notification: Notification;
}

const shown = new Map<string, Shown>();

/** Shows a message in the place of what was shown of its chat. */
function show(message: Message, isNew: boolean, openChat: (chat: string) => void): void {
  const { chat_id } = message;
  const chat = world().chats[chat_id];
  const sender = nameOf(message.sender_id);
  const isNamed = chat?.kind === "group" && chat.name !== undefined;
  const title = isNamed ? `${isolated(sender)} in ${isolated(chat.name ?? "")}` : sender;
  const body = firstCharacters(brief(message), MOST_CHARACTERS);
  // One notification a chat, by its tag: a new message is told again, and an edit is not.
  const alert = isNew ? { renotify: true } : { silent: true };
  const options = { body, tag: chat_id, icon: "/favicon.svg", ...alert };
  const notification = new Notification(title, options);
  shown.set(chat_id, { message, notification });
  notification.onclick = () => {
    window.focus();
    openChat(chat_id);
    notification.close();
  };
}

async function notify(message: Message, openChat: (chat: string) => void): Promise<void> {
  const { me, chats } = world();
  const chat = chats[message.chat_id];
  if (isLookedAt() || chat === undefined || isMuted(chat) || chat.preferences.archived) return;
  if (message.sender_id === me?.id || message.kind === "system" || !mayNotify()) return;
  if (!(await isFirst(message.id))) return;
  show(message, true, openChat);
  renewShown(openChat); // it may have been read meanwhile
}

/** Takes back what was read elsewhere or deleted, and shows the new text of what was edited. */
function renewShown(openChat: (chat: string) => void): void {
  const now = world();
  for (const [chat, { message, notification }] of shown) {
    const still = stillNotified(now, message);
    if (still === undefined) {
      notification.close();
      shown.delete(chat);
    } else if (still !== message) show(still, false, openChat);
  }
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
  const stopNotifying = onMessage((message) => void notify(message, openChat));
  const stopRenewing = worldStore.subscribe(() => renewShown(openChat));
  const stopSharing = shareLooks();
  showUnreadInTitle();
  const stopTitle = worldStore.subscribe(showUnreadInTitle);
  return () => {
    stopNotifying();
    stopRenewing();
    stopSharing();
    stopTitle();
    document.title = "Carrier";
  };
}
