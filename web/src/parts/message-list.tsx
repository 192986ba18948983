/** A chat's messages: a list that grows at both ends, and keeps its place. */

import type { Chat, Message } from "@carrier/client";
import { ActionIcon, Badge, Center, Loader, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import { type KeyboardEvent, useRef, useState } from "react";

import type { EndPage } from "../hooks/use-end-page";
import { useKeptFocus } from "../hooks/use-kept-focus";
import { SIGN, useListPosition, useScrollToSent } from "../hooks/use-list-position";
import { usePerson } from "../hooks/use-person";
import { useFirstUnread, useShownMessages } from "../hooks/use-shown-messages";
import { useCalendar, useMe } from "../hooks/use-world";
import { brief } from "../state/names";
import { rowContext, type ShownMessage } from "../state/rows";
import type { MessageWindow } from "../state/window";
import { type ComposerCommands, MessageRow } from "./message-row";

interface Props {
  chat: Chat;
  messages: MessageWindow;
  composer: ComposerCommands;
}

export function MessageList({ chat, messages, composer }: Props) {
  useCalendar();
  const { items, before, after } = messages;
  const list = useRef<HTMLDivElement>(null);
  const rows = useRef<HTMLDivElement>(null);
  const { shown, lastPending } = useShownMessages(chat, messages);
  const firstUnread = useFirstUnread(chat, messages);
  const position = useListPosition(list, rows, chat.id, messages, shown, firstUnread);
  const { from, to, flash, isAtEnd, older, newer, onScroll, toEnd, toStart } = position;
  useScrollToSent(lastPending, toEnd);
  const keptFocus = useKeptFocus(list);
  const onKeyDown = (event: KeyboardEvent<HTMLElement>) => {
    if (!isInList(event)) return;
    const go = { Home: toStart, End: toEnd }[event.key];
    if (go === undefined) return moveAmongMessages(event, list.current);
    event.preventDefault();
    list.current?.focus({ preventScroll: true }); // from there, an arrow goes to what is seen
    go();
  };
  return (
    <div className="history" onKeyDown={onKeyDown} role="log" aria-label="Messages" aria-live="off">
      <Announcement message={items.at(-1)} isEnd={!after} />
      <div
        ref={list}
        className="history-list"
        onScroll={onScroll}
        {...keptFocus}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls by keys
        tabIndex={0}
      >
        {before || from > 0 ? <LoadingMore page={older} /> : <div className="history-top" />}
        <div ref={rows} className="history-rows">
          {shown.slice(from, to).map((message, index) => (
            <MessageRow
              key={keyOf(message)}
              {...rowContext(shown[from + index - 1], message, shown[from + index + 1], before)}
              message={message}
              chat={chat}
              composer={composer}
              isFirstUnread={message.id === firstUnread}
              isFocus={message.id === flash}
            />
          ))}
        </div>
        {after || to < shown.length ? (
          <LoadingMore page={newer} />
        ) : (
          <div className="history-bottom" />
        )}
      </div>
      {!isAtEnd && <ToEnd unread={chat.unread_count} onClick={toEnd} />}
    </div>
  );
}

/** Returns a key that a message keeps when it is acknowledged. */
const keyOf = ({ id, sender_id, client_id }: ShownMessage) =>
  client_id === undefined ? id : `${sender_id} ${client_id}`;

function ToEnd({ unread, onClick }: { unread: number; onClick: () => void }) {
  return (
    <ActionIcon
      className="to-end"
      variant="default"
      size={42}
      radius="xl"
      aria-label="Jump to latest message"
      onClick={onClick}
    >
      <IconChevronDown size={22} />
      {unread > 0 && (
        <Badge className="to-end-count" size="sm" circle={unread < 10}>
          {unread}
        </Badge>
      )}
    </ActionIcon>
  );
}

/** Reads new messages out; the list itself would read out all that is scrolled past. */
function Announcement({ message, isEnd }: { message: Message | undefined; isEnd: boolean }) {
  const me = useMe();
  const [lastAtStart] = useState(message?.id ?? 0);
  const sender = usePerson(message?.sender_id ?? me.id);
  const isNew =
    isEnd &&
    message !== undefined &&
    message.id > lastAtStart &&
    message.sender_id !== me.id &&
    message.kind === "text";
  return (
    <VisuallyHidden aria-live="polite">
      {isNew && `${sender?.display_name ?? "…"}: ${brief(message)}`}
    </VisuallyHidden>
  );
}

const LoadingMore = ({ page: { hasFailed, retry } }: { page: EndPage }) => (
  <Center h={SIGN} className="history-more">
    {hasFailed ? (
      <span role="alert">
        These messages could not be loaded.{" "}
        <UnstyledButton className="link" onClick={retry}>
          Try again
        </UnstyledButton>
      </span>
    ) : (
      <Loader size="sm" type="dots" aria-label="Loading messages" />
    )}
  </Center>
);

/**
 * Tells whether a key is for the list. One of a menu that is opened from here has a meaning of its
 * own: its events come through here, though it is elsewhere in the page. One with a modifier is the
 * browser's.
 */
const isInList = (event: KeyboardEvent<HTMLElement>) =>
  !(event.defaultPrevented || event.ctrlKey || event.altKey || event.shiftKey || event.metaKey) &&
  event.target instanceof Node &&
  event.currentTarget.contains(event.target);

const STEPS: Record<string, number> = { ArrowUp: -1, ArrowDown: 1 };

/**
 * Moves the focus from message to message by arrows, from the last that is seen; Tab goes on to the
 * tools of one.
 */
function moveAmongMessages(event: KeyboardEvent<HTMLElement>, list: HTMLElement | null): void {
  const step = STEPS[event.key];
  if (step === undefined || list === null) return;
  const rows = [...list.querySelectorAll<HTMLElement>("[data-message]")];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  const end = list.getBoundingClientRect().bottom;
  const isSeen = (row: HTMLElement) => row.getBoundingClientRect().top < end;
  const next = at === -1 ? rows.findLast(isSeen) : rows[at + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus({ preventScroll: false });
}
