/** What is loaded for the address at which the page is opened. */

import type { OpenChat } from "../state/first-look";
import { findChat } from "./chats";
import { jump, loadFirst } from "./history";

/** Loads the chat that is opened, while the list of chats is on its way. */
export async function loadOpened({ chat, at }: OpenChat): Promise<void> {
  if (!(await findChat(chat))) return;
  await (at === undefined ? loadFirst(chat) : jump(chat, at));
}
