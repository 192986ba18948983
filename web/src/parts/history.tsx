/** A chat's messages: a virtual list that grows at both ends. */

import { ActionIcon, Badge, Center, Loader, VisuallyHidden } from "@mantine/core";
import { IconChevronDown } from "@tabler/icons-react";
import type { Attachment, Chat, Message } from "@carrier/client";
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { type ListRange, Virtuoso, type VirtuosoHandle } from "react-virtuoso";

import { loadAfter, loadBefore, loadNewest } from "../state/history";
import { type Waiting, useOutbox } from "../state/outbox";
import { usePerson } from "../state/people";
import { type Window, place } from "../state/window";
import { useMe } from "../state/world";
import { type Around, type Begin, MessageRow, type Shown } from "./message";
import { brief } from "./names";
import { isSameDay } from "./when";

/** Messages of one person within this time stand together. */
const TOGETHER_US = 5 * 60_000_000;
/** So many messages from an end of what is loaded, more are asked for. */
const AHEAD = 20;
/** Ids of what is not sent yet come after all others. */
const LATER = Number.MAX_SAFE_INTEGER / 2;

const NONE: Waiting[] = [];

export function History({ chat, window, begin }: { chat: Chat; window: Window; begin: Begin }) {
  const me = useMe();
  const waiting = useOutbox((outbox) => outbox.waiting);
  const list = useRef<VirtuosoHandle>(null);
  const [atEnd, setAtEnd] = useState(true);
  const { items, first, before, after, focus } = window;
  const [flash, setFlash] = useState(focus?.id);

  const own = useMemo(() => {
    // The event may be quicker than the answer.
    const arrived = new Set(items.slice(-100).map((message) => message.sender_id === me.id && message.client_id));
    const mine = waiting.filter((one) => one.chat === chat.id && !arrived.has(one.message.client_id));
    return mine.length === 0 ? NONE : mine;
  }, [waiting, items, chat.id, me.id]);
  const shown = useMemo<Shown[]>(
    () => (own === NONE || after ? items : [...items, ...own.map((one, at) => pending(one, at, me.id))]),
    [items, own, after, me.id],
  );
  // Where the unread began when this was opened; it stays there while it is read.
  const [readUpTo] = useState(chat.unread_count > 0 ? chat.my.read : Number.MAX_SAFE_INTEGER);
  const firstUnread = useMemo(
    () => (readUpTo === Number.MAX_SAFE_INTEGER ? undefined : items.slice(place(items, readUpTo + 1)).find((one) => one.sender_id !== me.id)?.id),
    [items, readUpTo, me.id],
  );
  const [start] = useState(() => {
    const at = focus?.id ?? firstUnread;
    const index = at === undefined ? -1 : place(items, at);
    return index >= 0 && index < items.length ? { index, align: "center" as const } : { index: Math.max(shown.length - 1, 0), align: "end" as const };
  });

  const begunWith = useRef(focus);
  useEffect(() => {
    setFlash(focus?.id);
    if (focus === undefined) return;
    if (begunWith.current !== focus) list.current?.scrollToIndex({ index: place(items, focus.id), align: "center" }); // else it began there
    const over = setTimeout(() => setFlash(undefined), 2500);
    return () => clearTimeout(over);
  }, [focus]);

  // What I write is seen, wherever I was; what waits since before is not what I write now.
  const sent = own.at(-1)?.message.client_id;
  const seen = useRef(sent);
  useEffect(() => {
    if (sent === undefined || sent === seen.current) return;
    seen.current = sent;
    if (after) void loadNewest(chat.id);
    else list.current?.scrollToIndex({ index: "LAST", align: "end" });
  }, [sent, after, chat.id]);

  const item = useCallback(
    (index: number, message: Shown) => {
      const at = index - first;
      const around = neighbours(shown[at - 1], message, shown[at + 1], before);
      return (
        <MessageRow
          {...around}
          message={message}
          chat={chat}
          begin={begin}
          unread={message.id === firstUnread}
          isFocus={message.id === flash}
        />
      );
    },
    [shown, first, before, chat, begin, firstUnread, flash],
  );

  // More is asked for before it is needed; but not before the list has come to where it begins, or it would lose its place.
  const settled = useRef(false);
  const reach = ({ startIndex, endIndex }: ListRange) => {
    const [from, to] = [startIndex - first, endIndex - first];
    settled.current ||= from <= start.index && start.index <= to;
    if (!settled.current) return;
    if (from < AHEAD) void loadBefore(chat.id);
    if (to > shown.length - AHEAD) void loadAfter(chat.id);
  };

  const toEnd = () => {
    if (after) void loadNewest(chat.id);
    else list.current?.scrollToIndex({ index: "LAST", align: "end", behavior: "smooth" });
  };

  return (
    <div className="history" onKeyDown={moveAmong} role="log" aria-label="Messages" aria-live="off">
      <Announced message={items.at(-1)} isEnd={!after} />
      <Virtuoso
        ref={list}
        className="history-list"
        data={shown}
        totalCount={shown.length}
        firstItemIndex={first}
        initialTopMostItemIndex={start}
        computeItemKey={(_, message) => (message.client_id === undefined ? message.id : `${message.sender_id} ${message.client_id}`)}
        itemContent={item}
        rangeChanged={reach}
        atBottomStateChange={setAtEnd}
        atBottomThreshold={60}
        followOutput={(isAtBottom) => (isAtBottom && !after ? "auto" : false)}
        increaseViewportBy={{ top: 900, bottom: 600 }}
        alignToBottom
        tabIndex={0}
        components={{ Header: before ? More : Top, Footer: after ? More : Bottom }}
      />
      {(!atEnd || after) && (
        <ActionIcon className="to-end" variant="default" size={42} radius="xl" aria-label="To the newest message" onClick={toEnd}>
          <IconChevronDown size={22} />
          {chat.unread_count > 0 && (
            <Badge className="to-end-count" size="sm" circle={chat.unread_count < 10}>
              {chat.unread_count}
            </Badge>
          )}
        </ActionIcon>
      )}
    </div>
  );
}

/** Whoever listens to the page is told what comes: the list itself would read out all that is scrolled past. */
function Announced({ message, isEnd }: { message: Message | undefined; isEnd: boolean }) {
  const me = useMe();
  const [begun] = useState(message?.id ?? 0);
  const sender = usePerson(message?.sender_id ?? me.id);
  const isNew = isEnd && message !== undefined && message.id > begun && message.sender_id !== me.id && message.kind === "text";
  return <VisuallyHidden aria-live="polite">{isNew && `${sender?.display_name ?? "…"}: ${brief(message)}`}</VisuallyHidden>;
}

const More = () => (
  <Center h={56}>
    <Loader size="sm" type="dots" aria-label="Loading messages" />
  </Center>
);
const Top = () => <div className="history-top" />;
const Bottom = () => <div className="history-bottom" />;

function pending({ chat, message, at, reply, refused }: Waiting, index: number, me: string): Shown {
  return {
    id: LATER + index,
    seq: 0,
    rev: 0,
    chat_id: chat,
    sender_id: me,
    kind: "text",
    created_at: new Date(at).toISOString(),
    body: message.body ?? "",
    client_id: message.client_id,
    ...(message.subject !== undefined && { subject: message.subject }),
    ...(message.attachments !== undefined && { attachments: message.attachments as Attachment[] }), // as they were uploaded
    ...(message.mentions !== undefined && { mentions: message.mentions }),
    ...(reply !== undefined && { reply_to: reply }),
    ...(refused !== undefined && { refused }),
    waiting: true,
  };
}

function neighbours(previous: Shown | undefined, message: Shown, next: Shown | undefined, more: boolean): Omit<Around, "unread"> {
  const day = previous === undefined ? !more : !isSameDay(previous.created_at, message.created_at);
  return { day, first: day || !stand(previous, message), last: !stand(message, next) };
}

/** Do they stand together? */
function stand(one: Shown | undefined, next: Shown | undefined): boolean {
  if (one === undefined || next === undefined || one.kind === "system" || next.kind === "system") return false;
  const apart = Math.min(next.id, LATER) - one.id;
  const near = apart < TOGETHER_US || Date.parse(next.created_at) - Date.parse(one.created_at) < TOGETHER_US / 1000;
  return one.sender_id === next.sender_id && near && isSameDay(one.created_at, next.created_at);
}

/** The arrows go from message to message; Tab goes on to what can be done with one. */
function moveAmong(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  // What is opened from here, as a menu, has arrows of its own; its events come through here, though it is elsewhere.
  if (step === undefined || event.defaultPrevented || !(event.target instanceof Node && event.currentTarget.contains(event.target))) return;
  const all = [...event.currentTarget.querySelectorAll<HTMLElement>("[data-message]")];
  const at = all.findIndex((one) => one.contains(document.activeElement));
  const next = at === -1 ? all.at(-1) : all[at + step];
  if (next === undefined) return;
  event.preventDefault();
  next.focus({ preventScroll: false });
}
