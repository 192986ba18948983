/** A row of the list of chats. */

import type { Chat } from "@carrier/client";
import { Badge, Box, Group, Text } from "@mantine/core";
import { IconAt, IconBellOff, IconPin } from "@tabler/icons-react";
import { lazy, memo, useState } from "react";
import { Link } from "wouter";

import { useCalendar } from "../hooks/use-world";
import { isMuted, isUnread } from "../state/chats";
import { briefly } from "../state/dates";
import { chatName } from "../state/names";
import { ChatAvatar } from "./avatar";
import { ChatPreview } from "./chat-preview";
import { LazyBoundary } from "./lazy-boundary";
import { Name } from "./name";

const ChatRowMenu = lazy(() => import("./chat-row-menu"));

interface Props {
  chat: Chat;
  /** True for the chat that is open on the right. */
  isOpen: boolean;
}

/** A chat with its menu, which is made when the pointer comes near. */
export function ChatRow({ chat, isOpen }: Props) {
  const [isNear, setNear] = useState(false);
  const [isMenuOpen, setMenuOpen] = useState(false);
  return (
    <Box
      className="chat-row"
      onPointerEnter={(event) => event.pointerType === "mouse" && setNear(true)}
      // While the menu is open, the pointer is in it or in a question that it asks.
      onPointerLeave={() => !isMenuOpen && setNear(false)}
      onContextMenu={(event) => {
        event.preventDefault();
        setNear(true);
        setMenuOpen(true);
      }}
    >
      <ChatLink chat={chat} isOpen={isOpen} />
      {(isNear || isMenuOpen) && (
        <LazyBoundary isQuiet={!isMenuOpen}>
          <ChatRowMenu chat={chat} isOpen={isMenuOpen} onChange={setMenuOpen} />
        </LazyBoundary>
      )}
    </Box>
  );
}

const ChatLink = memo(function ChatLink({ chat, isOpen }: Props) {
  const { id, last_message, preferences } = chat;
  useCalendar();
  return (
    <Link
      href={`/c/${id}`}
      className="chat-item plain"
      data-open={isOpen || undefined}
      aria-current={isOpen ? "page" : undefined}
    >
      <ChatAvatar chat={chat} />
      <Box className="grow">
        <Group gap={6} wrap="nowrap">
          <Name fw={isUnread(chat) ? 700 : 600} className="grow" component="span">
            {chatName(chat)}
          </Name>
          {isMuted(chat) && <IconBellOff size={14} className="faint" aria-label="Muted" />}
          {preferences.pinned && <IconPin size={14} className="faint" aria-label="Pinned" />}
          {last_message !== undefined && (
            <Text span size="xs" className="faint" component="time" dir="auto">
              {briefly(last_message.created_at)}
            </Text>
          )}
        </Group>
        <Group gap={6} wrap="nowrap" mih={21}>
          <Text size="sm" className="chat-preview faint grow" component="span">
            <ChatPreview chat={chat} />
          </Text>
          <UnreadBadges chat={chat} />
        </Group>
      </Box>
    </Link>
  );
});

function UnreadBadges({ chat }: { chat: Chat }) {
  const { unread_count: count, unread_mentions } = chat;
  const label = count > 0 ? `${count} unread` : "Marked as unread";
  const shown = count > 999 ? "999+" : count;
  return (
    <>
      {unread_mentions > 0 && (
        <Badge circle size="md" color="harbor" aria-label="You were mentioned">
          <IconAt size={12} />
        </Badge>
      )}
      {isUnread(chat) && (
        <Badge
          size="md"
          circle={count < 10}
          color={isMuted(chat) ? "gray.7" : "harbor"}
          aria-label={label}
        >
          {count > 0 ? shown : ""}
        </Badge>
      )}
    </>
  );
}
