/**
 * What is begun in the composer of each chat, besides its draft: it waits while one looks
 * elsewhere.
 */

import type { Attachment, Message } from "@carrier/client";
import { createStore } from "zustand/vanilla";

import { countCharacters } from "./characters";
import type { Limits } from "./world";

/** A file that was picked for the next message. */
export interface PickedFile {
  key: number;
  file: File;
  /** From 0 to 1. */
  progress: number;
  /** The answer to the upload. */
  uploaded?: Attachment;
  /** The reason why the upload failed. */
  failed?: string;
  abort: AbortController;
}

export interface Begun {
  files: readonly PickedFile[];
  /** The message that is answered. */
  reply?: Message | undefined;
  /** The subject; `undefined`: there is none. */
  subject?: string | undefined;
  /** The message that is edited, and its new text. */
  edit?: { message: Message; text: string } | undefined;
  /** True once the message is to be sent as soon as its files are uploaded. */
  isWaiting?: boolean;
  /** The number of messages that were sent from here. */
  sent?: number;
}

const NOTHING: Begun = { files: [] };

export const composerStore = createStore<Record<string, Begun>>(() => ({}));

export const begunIn = (chat: string): Begun => composerStore.getState()[chat] ?? NOTHING;

/** Changes fields of what is begun in a chat. */
export function changeBegun(chat: string, fields: Partial<Begun>): void {
  composerStore.setState({ [chat]: { ...begunIn(chat), ...fields } });
}

/**
 * Tells whether what is begun can be sent: "later", once its files are uploaded; "never", as long
 * as it is empty or too long, or an upload has failed.
 */
export function readiness(
  { files, subject = "" }: Begun,
  draft: string,
  limits: Pick<Limits, "body" | "subject">,
): "now" | "later" | "never" {
  const isEmpty = draft.trim() === "" && files.length === 0;
  const isShort =
    countCharacters(draft.trim()) <= limits.body &&
    countCharacters(subject.trim()) <= limits.subject;
  if (isEmpty || !isShort || files.some(({ failed }) => failed !== undefined)) return "never";
  return files.every(({ uploaded }) => uploaded !== undefined) ? "now" : "later";
}
