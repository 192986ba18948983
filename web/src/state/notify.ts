/** Tells of messages that come while somebody looks elsewhere: by a notification of the system, and by the title. */

import { nameOf } from "./people";
import { onMessage } from "./events";
import { isMuted, useWorld, world } from "./world";

const KEY = "carrier.notify";

export function mayNotify(): boolean {
  return "Notification" in window && Notification.permission === "granted" && localStorage.getItem(KEY) === "yes";
}

/** Asks for what is missing; what came of it. */
export async function wantNotifications(wanted: boolean): Promise<boolean> {
  localStorage.setItem(KEY, wanted ? "yes" : "no");
  if (wanted && "Notification" in window && Notification.permission === "default") await Notification.requestPermission();
  return mayNotify();
}

/** Begins; call what it returns to end it. */
export function openNotify(open: (chat: string) => void): () => void {
  const stop = onMessage((message) => {
    const { me, chats } = world();
    const chat = chats[message.chat_id];
    const isElsewhere = document.visibilityState === "hidden" || !document.hasFocus();
    if (!isElsewhere || chat === undefined || isMuted(chat) || message.sender_id === me?.id || message.kind === "system" || !mayNotify()) return;
    const from = nameOf(message.sender_id);
    const title = chat.kind === "group" && chat.name !== undefined ? `${from} in ${chat.name}` : from;
    // All tabs of a chat share one, by its tag.
    const shown = new Notification(title, { body: message.body.slice(0, 200), tag: message.chat_id, icon: "/favicon.svg" });
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
  title();
  const untitle = useWorld.subscribe(title);
  return () => {
    stop();
    untitle();
    document.title = "Carrier";
  };
}
