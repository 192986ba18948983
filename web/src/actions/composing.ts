/** Uploads the files of what is begun in a chat, and sends it; also while one looks elsewhere. */

import type { Chat, Message } from "@carrier/client";

import { begunIn, changeBegun, type PickedFile, readiness } from "../state/composers";
import { keepDraft, readDraft } from "../state/drafts";
import { knownMessage } from "../state/events";
import {
  knownMembers,
  mayMentionAll,
  mentionedIds,
  mentionsAfterEdit,
  namesAll,
} from "../state/mention";
import { brief } from "../state/names";
import { world } from "../state/world";
import { limits } from "./limits";
import { editMessage } from "./messages";
import { send } from "./outbox";
import { upload } from "./upload";

const user = () => world().me?.id ?? "";

/** Changes the files of the next message. */
export const changeFiles = (
  chat: string,
  alter: (all: readonly PickedFile[]) => readonly PickedFile[],
): void => changeBegun(chat, { files: alter(begunIn(chat).files) });

/** Uploads a file; sends its message afterwards, if that waits. */
export async function startUpload(chat: string, { key, file, abort }: PickedFile): Promise<void> {
  const alter = (fields: Partial<PickedFile>) =>
    changeFiles(chat, (all) => all.map((one) => (one.key === key ? { ...one, ...fields } : one)));
  try {
    const uploaded = await upload(chat, file, abort.signal, (progress) => alter({ progress }));
    alter({ uploaded, progress: 1 });
  } catch (error) {
    alter({ failed: (error as Error).message });
  }
  sendWaiting(chat);
}

/** Sends what waits for its files, once they are there. */
export function sendWaiting(chat: string): void {
  if (begunIn(chat).isWaiting === true) sendWhenReady(chat);
}

/** Sends what is begun in a chat, as soon as its files are uploaded. */
export function sendWhenReady(id: string): void {
  const chat = world().chats[id];
  const state = readiness(begunIn(id), readDraft(user(), id), limits());
  changeBegun(id, { isWaiting: state === "later" });
  if (state === "now" && chat !== undefined) sendBegun(chat);
}

/** Returns a message that is answered, as it is now; nothing once it is deleted. */
function answerable(message: Message): Message | undefined {
  const known = knownMessage(world(), message) ?? message;
  return known.deleted === true ? undefined : known;
}

function sendBegun(chat: Chat): void {
  const { files, reply: begun, subject = "", sent = 0 } = begunIn(chat.id);
  const reply = begun && answerable(begun);
  const body = readDraft(user(), chat.id).trim();
  const attachments = files.flatMap(({ uploaded }) => uploaded ?? []);
  const mentions = mentionedIds(body, knownMembers(world(), chat));
  send(
    chat.id,
    {
      body,
      ...(subject.trim() !== "" && { subject: subject.trim() }),
      ...(reply !== undefined && { reply_to: reply.id }),
      ...(attachments.length > 0 && { attachments }),
      ...(mentions.length > 0 && { mentions }),
      ...(mayMentionAll(chat, limits()) && namesAll(body) && { mentions_all: true }),
    },
    reply && { id: reply.id, sender_id: reply.sender_id, preview: brief(reply) },
  );
  keepDraft(user(), chat.id, "");
  changeBegun(chat.id, { files: [], reply: undefined, subject: undefined, sent: sent + 1 });
}

/** Gives a message another text, and the mentions that it has. */
export const editText = (chat: Chat, message: Message, text: string): Promise<boolean> =>
  editMessage(message, {
    body: text,
    ...mentionsAfterEdit(world(), chat, message, text, limits()),
  });
