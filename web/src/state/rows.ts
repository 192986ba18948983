/** The rows in which messages are shown. Pure functions. */

import type { Attachment, Message } from "@carrier/client";

import { isSameDay } from "./dates";
import type { PendingMessage } from "./outbox";

/** A message as it is shown: one of the chat, or one that is not acknowledged yet. */
export type ShownMessage = Message & { pending?: true; refused?: string };

/** The place of a row among its neighbours. */
export interface RowContext {
  /** True for the first message of a day. */
  startsDay: boolean;
  /** True for the first and for the last of several messages by one person. */
  startsRun: boolean;
  endsRun: boolean;
}

/** Messages of one person within this time stand together, in microseconds. */
const RUN_US = 5 * 60_000_000;
/** Ids of messages that are not sent yet come after all others. */
const PENDING_ID = Number.MAX_SAFE_INTEGER / 2;

/** Returns a message of the outbox as the `index`th that follows the chat. */
export function pendingRow(
  { chat, message, at, reply, refused }: PendingMessage,
  index: number,
  me: string,
): ShownMessage {
  const { body = "", client_id, subject, attachments, mentions, mentions_all } = message;
  return {
    id: PENDING_ID + index,
    seq: 0,
    rev: 0,
    chat_id: chat,
    sender_id: me,
    kind: "text",
    created_at: new Date(at).toISOString(),
    body,
    client_id,
    ...(subject !== undefined && { subject }),
    // Attachments are as the uploads answered.
    ...(attachments !== undefined && { attachments: attachments as Attachment[] }),
    ...(mentions !== undefined && { mentions }),
    ...(mentions_all === true && { mentions_all }),
    ...(reply !== undefined && { reply_to: reply }),
    ...(refused !== undefined && { refused }),
    pending: true,
  };
}

/** Returns the pending messages of a chat that have not arrived in its window. */
export function notArrived(
  pending: readonly PendingMessage[],
  chat: string,
  items: readonly Message[],
  me: string,
): PendingMessage[] {
  // An event may be quicker than the answer to the send.
  const mine = items.slice(-100).filter((message) => message.sender_id === me);
  const arrived = new Set(mine.map((message) => message.client_id));
  return pending.filter((one) => one.chat === chat && !arrived.has(one.message.client_id));
}

/** Returns how a row looks beside its neighbours; `hasMore` when older messages are not loaded. */
export function rowContext(
  previous: ShownMessage | undefined,
  message: ShownMessage,
  next: ShownMessage | undefined,
  hasMore: boolean,
): RowContext {
  const startsDay =
    previous === undefined ? !hasMore : !isSameDay(previous.created_at, message.created_at);
  return {
    startsDay,
    startsRun: startsDay || !isRun(previous, message),
    endsRun: !isRun(message, next),
  };
}

/** True when two messages that follow each other stand together. */
function isRun(one: ShownMessage | undefined, next: ShownMessage | undefined): boolean {
  if (one === undefined || next === undefined) return false;
  if (one.kind === "system" || next.kind === "system") return false;
  if (one.sender_id !== next.sender_id) return false;
  const apartUs = Math.min(next.id, PENDING_ID) - one.id;
  const apartMs = Date.parse(next.created_at) - Date.parse(one.created_at);
  const isNear = apartUs < RUN_US || apartMs < RUN_US / 1000;
  return isNear && isSameDay(one.created_at, next.created_at);
}
