/** A message, with its day and the line of the unread above it. */

import type { Chat } from "@carrier/client";
import { memo, useRef } from "react";

import type { ComposerHandle } from "../hooks/use-composer";
import { useMarkSeen } from "../hooks/use-mark-seen";
import { useSystemText } from "../hooks/use-system-text";
import { useCalendar, useMe } from "../hooks/use-world";
import { allOf, dayOf } from "../state/dates";
import type { RowContext, ShownMessage } from "../state/rows";
import { Bubble } from "./bubble";

/** The commands of a message to the composer. */
export type ComposerCommands = Pick<ComposerHandle, "write" | "reply" | "edit">;

export interface RowProps extends RowContext {
  message: ShownMessage;
  chat: Chat;
  composer: ComposerCommands;
  /** True for the first message that was not read when the chat was opened. */
  isFirstUnread: boolean;
  /** True for the message that was jumped to. */
  isFocus: boolean;
}

export const MessageRow = memo(function MessageRow(props: RowProps) {
  const { message, chat, startsDay, startsRun, endsRun, isFirstUnread } = props;
  useCalendar();
  const me = useMe();
  const isMine = message.sender_id === me.id;
  const row = useRef<HTMLDivElement>(null);
  useMarkSeen(row, message, chat, !isMine && message.pending === undefined);
  return (
    <div
      ref={row}
      className="row"
      data-first={startsRun || undefined}
      data-last={endsRun || undefined}
    >
      {startsDay && <div className="day">{dayOf(message.created_at)}</div>}
      {isFirstUnread && (
        // biome-ignore lint/a11y/useSemanticElements: an hr cannot have a text
        <div className="unread-line" role="separator">
          New messages
        </div>
      )}
      {message.kind === "system" ? (
        <SystemLine message={message} />
      ) : (
        <Bubble {...props} isMine={isMine} />
      )}
    </div>
  );
});

function SystemLine({ message }: { message: ShownMessage }) {
  const text = useSystemText(message);
  return (
    <div className="system" dir="auto" title={allOf(message.created_at)}>
      {text}
    </div>
  );
}
