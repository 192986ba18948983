/** The right side: one chat. */

import { ActionIcon, Box, Button, Center, Group, Loader, Menu, Stack, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconArchive, IconArrowLeft, IconBellOff, IconDotsVertical, IconEraser, IconInfoCircle, IconMail, IconPin } from "@tabler/icons-react";
import type { Chat } from "@carrier/client";
import { type DragEvent, Suspense, lazy, useEffect, useMemo, useRef, useState } from "react";
import { Link } from "wouter";

import { Composer, type ComposerHandle } from "../parts/composer";
import { ChatFace } from "../parts/face";
import { History } from "../parts/history";
import type { Begin } from "../parts/message";
import { chatName } from "../parts/names";
import { ago } from "../parts/when";
import { clearChat, findChat, loadMembers, prefer } from "../state/acts";
import { jump, loadFirst } from "../state/history";
import { nameOf } from "../state/people";
import { isMuted, useMe, useWorld, world } from "../state/world";

const Details = lazy(() => import("./details"));

/** "Until I say so". */
const FOR_EVER = "2200-01-01T00:00:00.000Z";

export function Conversation({ id, at }: { id: string; at: number | undefined }) {
  const chat = useWorld((world) => world.chats[id]);
  const [isMissing, setMissing] = useState(false);
  useEffect(() => {
    if (chat === undefined) void findChat(id).then((found) => setMissing(!found));
  }, [chat, id]);
  if (chat !== undefined) return <Open chat={chat} at={at} />;
  return (
    <Center h="100%">
      {isMissing ? (
        <Stack align="center">
          <Text c="dimmed">This chat is not there, or not yours any more.</Text>
          <Button component={Link} href="/c" variant="light">
            To my chats
          </Button>
        </Stack>
      ) : (
        <Loader type="dots" aria-label="Loading" />
      )}
    </Center>
  );
}

function Open({ chat, at }: { chat: Chat; at: number | undefined }) {
  const me = useMe();
  const window = useWorld((world) => world.windows[chat.id]);
  const [failed, setFailed] = useState(false);
  const [isDetailed, setDetailed] = useState(false);
  const [isOver, setOver] = useState(false);
  const composer = useRef<ComposerHandle>(null);
  const begin = useMemo<Begin>(() => ({ reply: (message) => composer.current?.reply(message), edit: (message) => composer.current?.edit(message) }), []);

  const isEmpty = window === undefined;
  useEffect(() => {
    const load = at !== undefined ? jump(chat.id, at) : isEmpty ? loadFirst(chat.id) : undefined;
    load?.then(
      () => setFailed(false),
      () => setFailed(true),
    );
  }, [chat.id, at, isEmpty, failed]);
  useEffect(() => {
    if (chat.kind === "group") void loadMembers(chat.id).catch(() => undefined);
  }, [chat.id, chat.kind]);

  const editLast = () => {
    const mine = world().windows[chat.id]?.items.findLast((message) => message.sender_id === me.id && message.kind === "text" && message.deleted !== true);
    if (mine !== undefined) composer.current?.edit(mine);
  };
  const drop = (event: DragEvent) => {
    event.preventDefault();
    setOver(false);
    if (event.dataTransfer.files.length > 0) composer.current?.add(event.dataTransfer.files);
  };

  return (
    <Box
      component="main"
      className="conversation"
      data-over={isOver || undefined}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => event.currentTarget === event.target && setOver(false)}
      onDrop={drop}
    >
      <Head chat={chat} onDetails={() => setDetailed(true)} />
      {window !== undefined ? (
        <History key={`${chat.id} ${window.epoch}`} chat={chat} window={window} begin={begin} />
      ) : (
        <Center className="grow">{failed ? <Text c="dimmed">No connection. Trying again …</Text> : <Loader type="dots" aria-label="Loading messages" />}</Center>
      )}
      <Composer key={chat.id} chat={chat} handle={composer} onEditLast={editLast} />
      {isOver && <div className="drop">Drop files to attach them</div>}
      <Suspense>{isDetailed && <Details chat={chat} onClose={() => setDetailed(false)} />}</Suspense>
    </Box>
  );
}

function Head({ chat, onDetails }: { chat: Chat; onDetails: () => void }) {
  const name = chatName(chat);
  const { preferences } = chat;
  const quiet = isMuted(chat);
  return (
    <Group component="header" className="conversation-head" wrap="nowrap" gap="sm">
      <ActionIcon component={Link} href="/c" variant="subtle" color="gray" size={36} radius="xl" aria-label="Back to all chats" hiddenFrom="sm">
        <IconArrowLeft size={20} />
      </ActionIcon>
      <UnstyledButton className="conversation-who grow" onClick={onDetails}>
        <ChatFace chat={chat} size={40} />
        <Box className="grow">
          <Text component="h1" fw={650} truncate lh={1.25}>
            {name}
          </Text>
          <Text size="xs" className="faint" truncate>
            <Subtitle chat={chat} />
            <VisuallyHidden>, details</VisuallyHidden>
          </Text>
        </Box>
      </UnstyledButton>
      <Menu position="bottom-end" width={220}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={36} radius="xl" aria-label="What to do with this chat">
            <IconDotsVertical size={20} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <Menu.Item leftSection={<IconInfoCircle size={16} />} onClick={onDetails}>
            Details
          </Menu.Item>
          <Menu.Item leftSection={<IconPin size={16} />} onClick={() => void prefer(chat, { pinned: !preferences.pinned })}>
            {preferences.pinned ? "Unpin" : "Pin"}
          </Menu.Item>
          <Menu.Item leftSection={<IconBellOff size={16} />} onClick={() => void prefer(chat, { muted_until: quiet ? (null as never) : FOR_EVER })}>
            {quiet ? "Unmute" : "Mute"}
          </Menu.Item>
          <Menu.Item leftSection={<IconArchive size={16} />} onClick={() => void prefer(chat, { archived: !preferences.archived })}>
            {preferences.archived ? "Take out of the archive" : "Archive"}
          </Menu.Item>
          <Menu.Item leftSection={<IconMail size={16} />} onClick={() => void prefer(chat, { marked_unread: true })}>
            Mark as unread
          </Menu.Item>
          <Menu.Divider />
          <Menu.Item color="red" leftSection={<IconEraser size={16} />} onClick={() => confirm("Clear all messages from your view?") && void clearChat(chat)}>
            Clear for me
          </Menu.Item>
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}

function Subtitle({ chat }: { chat: Chat }) {
  const typing = useWorld((world) => Object.keys(world.typing[chat.id] ?? {}).join());
  const connection = useWorld((world) => world.connection);
  const peer = useWorld((world) => (chat.peer === undefined ? undefined : world.presence[chat.peer.id]));
  if (connection === "offline") return "Offline: what you write is sent when you are back";
  if (typing !== "") {
    const names = typing.split(",").map(nameOf);
    return <span className="typing-word">{chat.kind === "direct" ? "typing …" : `${names.slice(0, 2).join(" and ")} ${names.length === 1 ? "is" : "are"} typing …`}</span>;
  }
  if (chat.kind === "group") return chat.description ?? `${chat.member_count} ${chat.member_count === 1 ? "member" : "members"}`;
  if (peer?.online === true) return "online";
  if (peer?.last_seen_at !== undefined) return `last seen ${ago(peer.last_seen_at)}`;
  return chat.peer === undefined ? "" : `@${chat.peer.username}`;
}
