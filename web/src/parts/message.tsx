/** One message, with everything that can be done to it. */

import { ActionIcon, Box, Group, Menu, Popover, Text, Tooltip, UnstyledButton } from "@mantine/core";
import { IconArrowBackUp, IconCopy, IconDots, IconMoodSmile, IconPencil, IconRefresh, IconTrash, IconTrashX } from "@tabler/icons-react";
import type { Chat, Message } from "@carrier/client";
import { memo, useEffect, useMemo, useRef, useState } from "react";

import { deleteMessage, toggleReaction } from "../state/acts";
import { jump } from "../state/history";
import { discard, retry } from "../state/outbox";
import { nameOf, usePerson } from "../state/people";
import { read } from "../state/receipts";
import { reach, useMe, useWorld } from "../state/world";
import { Attachments } from "./attachments";
import { PersonFace } from "./face";
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
  reply: (message: Message) => void;
  edit: (message: Message) => void;
}

const FAVOURITES = ["👍", "❤️", "😂", "😮", "😢", "🎉", "🙏", "👀"];

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
    <Tooltip label={allOf(message.created_at)} openDelay={400}>
      <div className="system">{text}</div>
    </Tooltip>
  );
}

type BubbleProps = Omit<Props, "day" | "unread"> & { isMine: boolean };

function Bubble({ message, chat, begin, isMine, first, last, isFocus }: BubbleProps) {
  const sender = usePerson(message.sender_id);
  const names = useNames(message);
  const isOthers = chat.kind === "group" && !isMine;
  const isDead = message.deleted === true;
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
      >
        {isOthers && first && (
          <Text size="sm" fw={650} className="sender">
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
            <Tooltip label={`Edited ${allOf(message.edited_at)}`} openDelay={400}>
              <span>edited</span>
            </Tooltip>
          )}
          <Tooltip label={allOf(message.created_at)} openDelay={400}>
            <time dateTime={message.created_at}>{timeOf(message.created_at)}</time>
          </Tooltip>
          {isMine && !isDead && message.refused === undefined && (
            <Ticks reach={message.waiting === true ? "sending" : reach(message, chat.others, chat.saved)} />
          )}
        </span>
        {message.waiting === undefined && !isDead && <Tools message={message} chat={chat} begin={begin} isMine={isMine} />}
        {message.reactions !== undefined && !isDead && <ReactionRow message={message} />}
        {message.refused !== undefined && <Refused message={message} why={message.refused} />}
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

function Refused({ message, why }: { message: Shown; why: string }) {
  const id = message.client_id ?? "";
  return (
    <Group gap="xs" mt={4} role="alert">
      <Text size="xs" className="failed grow">
        Not sent: {why}
      </Text>
      <UnstyledButton className="link" onClick={() => retry(id)}>
        <IconRefresh size={13} /> Try again
      </UnstyledButton>
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

function Tools({ message, chat, begin, isMine }: { message: Message; chat: Chat; begin: Begin; isMine: boolean }) {
  const [open, setOpen] = useState(false);
  const mayDelete = isMine || (chat.kind === "group" && chat.my.role !== "member");
  return (
    <div className="tools" data-open={open || undefined}>
      <Popover onChange={setOpen} position="top" withinPortal trapFocus returnFocus>
        <Popover.Target>
          <Tooltip label="React">
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label="React">
              <IconMoodSmile size={17} />
            </ActionIcon>
          </Tooltip>
        </Popover.Target>
        <Popover.Dropdown p={6}>
          <Group gap={2}>
            {FAVOURITES.map((emoji) => (
              <UnstyledButton key={emoji} className="emoji" aria-label={`React with ${emoji}`} onClick={() => void toggleReaction(message, emoji)}>
                {emoji}
              </UnstyledButton>
            ))}
          </Group>
        </Popover.Dropdown>
      </Popover>
      <Tooltip label="Reply">
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Reply" onClick={() => begin.reply(message)}>
          <IconArrowBackUp size={17} />
        </ActionIcon>
      </Tooltip>
      <Menu onChange={setOpen} position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label="More">
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {isMine && (
            <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => begin.edit(message)}>
              Edit
            </Menu.Item>
          )}
          <Menu.Item leftSection={<IconCopy size={16} />} onClick={() => void navigator.clipboard.writeText(message.body)}>
            Copy text
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item leftSection={<IconTrash size={16} />} onClick={() => void deleteMessage(message, "me")}>
            Delete for me
          </Menu.Item>
          {mayDelete && (
            <Menu.Item color="red" leftSection={<IconTrashX size={16} />} onClick={() => void deleteMessage(message, "everyone")}>
              Delete for everyone
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
    </div>
  );
}
