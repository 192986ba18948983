/** One message, with everything that can be done to it. */

import { Box, Group, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import type { Chat, Message } from "@carrier/client";
import { memo, useEffect, useMemo, useRef, useState } from "react";

import { toggleReaction } from "../state/acts";
import { jump } from "../state/history";
import { discard, retry } from "../state/outbox";
import { nameOf, usePerson } from "../state/people";
import { read } from "../state/receipts";
import { reach, useMe, useWorld } from "../state/world";
import { Attachments } from "./attachments";
import { PersonFace, hueOf } from "./face";
import { Tools } from "./message-tools";
import { useSystemText } from "./names";
import { RichText } from "./rich-text";
import { Ticks } from "./ticks";
import { allOf, dayOf, timeOf } from "./when";

/** A message as it is shown: one of the chat, or one that waits to be sent. */
export type Shown = Message & { waiting?: true; refused?: string };

export interface Around {
  /** It begins a day. */
  day: boolean;
  /** It is the first that was not read when the chat was opened. */
  unread: boolean;
  /** It is the first, and the last, of several by one person. */
  first: boolean;
  last: boolean;
}

/** What can be begun with a message in the composer. */
export interface Begin {
  write: (text: string) => void;
  reply: (message: Message) => void;
  edit: (message: Message) => void;
}

interface Props extends Around {
  message: Shown;
  chat: Chat;
  begin: Begin;
  isFocus: boolean;
}

export const MessageRow = memo(function MessageRow({ message, chat, day, unread, first, last, begin, isFocus }: Props) {
  const me = useMe();
  const isMine = message.sender_id === me.id;
  const row = useSeen(message, chat, isMine);
  useEffect(() => {
    // The list knows about where it is; the row exactly.
    if (isFocus) requestAnimationFrame(() => row.current?.scrollIntoView({ block: "center" }));
  }, [isFocus, row]);
  return (
    <Box ref={row} className="row" data-first={first || undefined} data-last={last || undefined}>
      {day && <div className="day">{dayOf(message.created_at)}</div>}
      {unread && (
        <div className="unread-line" role="separator">
          New messages
        </div>
      )}
      {message.kind === "system" ? (
        <SystemLine message={message} />
      ) : (
        <Bubble message={message} chat={chat} begin={begin} isMine={isMine} first={first} last={last} isFocus={isFocus} />
      )}
    </Box>
  );
});

/** What comes on screen at a page that somebody looks at is read. */
function useSeen(message: Shown, chat: Chat, isMine: boolean) {
  const row = useRef<HTMLDivElement>(null);
  const isUnread = !isMine && message.waiting === undefined && message.id > chat.my.read;
  useEffect(() => {
    if (!isUnread || row.current === null) return;
    let visible = false;
    const look = () => visible && document.visibilityState === "visible" && document.hasFocus() && read(message.chat_id, message.id);
    const observer = new IntersectionObserver(([entry]) => {
      visible = entry?.isIntersecting === true;
      look();
    });
    observer.observe(row.current);
    addEventListener("focus", look);
    return () => {
      observer.disconnect();
      removeEventListener("focus", look);
    };
  }, [isUnread, message.chat_id, message.id]);
  return row;
}

function SystemLine({ message }: { message: Message }) {
  const text = useSystemText(message);
  return (
    <div className="system" title={allOf(message.created_at)}>
      {text}
    </div>
  );
}

type BubbleProps = Omit<Props, "day" | "unread"> & { isMine: boolean };

function Bubble({ message, chat, begin, isMine, first, last, isFocus }: BubbleProps) {
  const sender = usePerson(message.sender_id);
  const names = useNames(message);
  const isOthers = chat.kind === "group" && !isMine;
  const isDead = message.deleted === true;
  // What can be done with a message is made when somebody comes near it: most are only scrolled past.
  const [isNear, setNear] = useState(false);
  const comeNear = () => setNear(true);
  return (
    <div className="line" data-mine={isMine || undefined} data-focus={isFocus || undefined}>
      {isOthers && <div className="line-face">{last && <PersonFace id={message.sender_id} size={32} />}</div>}
      <div
        className="bubble message"
        data-mine={isMine || undefined}
        data-dead={isDead || undefined}
        tabIndex={-1}
        role="article"
        aria-label={`${isMine ? "You" : (sender?.display_name ?? "…")}, ${timeOf(message.created_at)}`}
        data-message={message.id}
        onPointerEnter={comeNear}
        onFocus={comeNear}
      >
        {isOthers && first && (
          <Text size="sm" fw={650} style={hueOf(message.sender_id)} className="sender">
            {sender?.display_name ?? "…"}
          </Text>
        )}
        {isDead ? (
          <p className="plain-text faint">This message was deleted</p>
        ) : (
          <>
            {message.reply_to !== undefined && <Quote chat={chat.id} reply={message.reply_to} />}
            {message.subject !== undefined && <Text fw={700}>{message.subject}</Text>}
            {message.attachments !== undefined && <Attachments chat={chat.id} files={message.attachments} />}
            {message.body !== "" && <RichText text={message.body} names={names} />}
          </>
        )}
        <span className="foot">
          {message.edited_at !== undefined && !isDead && (
            <span title={`Edited ${allOf(message.edited_at)}`}>edited</span>
          )}
          <time dateTime={message.created_at} title={allOf(message.created_at)}>
            {timeOf(message.created_at)}
          </time>
          {isMine && !isDead && message.refused === undefined && (
            <Ticks reach={message.waiting === true ? "sending" : reach(message, chat.others, chat.saved)} />
          )}
        </span>
        {isNear && message.waiting === undefined && !isDead && <Tools message={message} chat={chat} begin={begin} isMine={isMine} />}
        {message.reactions !== undefined && !isDead && <ReactionRow message={message} />}
        {message.refused !== undefined && <Refused message={message} why={message.refused} begin={begin} />}
      </div>
    </div>
  );
}

/** The usernames of those who are mentioned. */
function useNames(message: Message): ReadonlySet<string> {
  const me = useMe();
  const ids = message.mentions;
  const known = useWorld((world) => ids?.map((id) => (id === me.id ? me.username : (world.people[id]?.username ?? ""))).join() ?? "");
  return useMemo(() => new Set(known === "" ? [] : known.toLowerCase().split(",")), [known]);
}

function Quote({ chat, reply }: { chat: string; reply: NonNullable<Message["reply_to"]> }) {
  usePerson(reply.sender_id);
  return (
    <UnstyledButton className="quote" onClick={() => void jump(chat, reply.id)}>
      <Text span size="xs" fw={650} display="block">
        {nameOf(reply.sender_id)}
      </Text>
      <Text span size="xs" lineClamp={2}>
        {reply.preview}
      </Text>
    </UnstyledButton>
  );
}

function Refused({ message, why, begin }: { message: Shown; why: string; begin: Begin }) {
  const id = message.client_id ?? "";
  return (
    <Group gap="xs" mt={4} role="alert">
      <Text size="xs" className="failed grow">
        Not sent: {why}
      </Text>
      <UnstyledButton className="link" onClick={() => retry(id)}>
        <IconRefresh size={13} /> Try again
      </UnstyledButton>
      {message.body !== "" && (
        <UnstyledButton
          className="link"
          onClick={() => {
            discard(id);
            begin.write(message.body);
          }}
        >
          Change it
        </UnstyledButton>
      )}
      <UnstyledButton className="link" onClick={() => discard(id)}>
        Discard
      </UnstyledButton>
    </Group>
  );
}

function ReactionRow({ message }: { message: Message }) {
  const mine = useWorld((world) => world.mine[message.chat_id]?.[message.id]);
  useWorld((world) => message.reactions?.flatMap((one) => one.user_ids.map((id) => world.people[id]?.display_name)).join());
  return (
    <Group gap={4} className="reactions">
      {message.reactions?.map(({ emoji, count, user_ids }) => {
        const isMine = mine?.includes(emoji) === true;
        const who = user_ids.slice(0, 6).map(nameOf).join(", ") + (count > 6 ? ` and ${count - 6} more` : "");
        return (
          <Tooltip key={emoji} label={who} openDelay={300}>
            <UnstyledButton
              className="reaction"
              aria-pressed={isMine}
              aria-label={`${emoji} ${count}, ${isMine ? "take mine away" : "me too"}`}
              onClick={() => void toggleReaction(message, emoji)}
            >
              {emoji} <span>{count}</span>
            </UnstyledButton>
          </Tooltip>
        );
      })}
    </Group>
  );
}
