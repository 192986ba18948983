/** The right side: one chat. */

import { ActionIcon, Box, Button, Center, Group, Loader, Menu, Stack, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconArrowLeft, IconDotsVertical } from "@tabler/icons-react";
import { type Chat, value } from "@carrier/client";
import { useQueryClient } from "@tanstack/react-query";
import { type DragEvent, type ReactNode, lazy, useEffect, useMemo, useRef, useState } from "react";
import { Link, useLocation } from "wouter";

import { api } from "../carrier";

import { ChatMenuItems } from "../parts/chat-menu";
import { Composer, type ComposerHandle } from "../parts/composer";
import { ChatFace } from "../parts/face";
import { History } from "../parts/history";
import type { Begin } from "../parts/message";
import { chatName } from "../parts/names";
import { Part } from "../parts/part";
import { ago, useMinute } from "../parts/when";
import { attempt, loadMembers, prefer } from "../state/acts";
import { findChat } from "../state/events";
import { jump, leave, loadFirst } from "../state/history";
import { useBlocked } from "../state/blocked";
import { nameOf } from "../state/people";
import { useMe, useWorld, world } from "../state/world";

const Details = lazy(() => import("./details"));

export function Conversation({ id, at }: { id: string; at: number | undefined }) {
  const chat = useWorld((world) => world.chats[id]);
  const isListed = useWorld((world) => world.listed);
  const [isMissing, setMissing] = useState(false);
  const again = useAgain(async () => {
    if (chat === undefined && isListed) setMissing(!(await findChat(id)));
  }, `${id} ${chat === undefined} ${isListed}`);
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
        <Loading failed={again} what="Loading" />
      )}
    </Center>
  );
}

const AGAIN_MS = 3000;
/** In larger groups nobody is told how far the others have read. */
const MOST_TOLD = 64;

/** Does something when `of` is another; when it fails, again until it does not. Whether it has failed. */
function useAgain(act: () => Promise<void> | undefined, of: string): boolean {
  const isOnline = useWorld((world) => world.connection === "online");
  const [failed, setFailed] = useState(0);
  useEffect(() => {
    let isOver = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const fail = () => {
      if (!isOver) timer = setTimeout(() => setFailed((times) => times + 1), AGAIN_MS);
    };
    act()?.then(() => !isOver && setFailed(0), fail);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }, [of, failed, isOnline]);
  return failed > 0;
}

const Loading = ({ failed, what }: { failed: boolean; what: string }) =>
  failed ? <Text c="dimmed">No connection. Trying again …</Text> : <Loader type="dots" aria-label={what} />;

function Open({ chat, at }: { chat: Chat; at: number | undefined }) {
  const me = useMe();
  const window = useWorld((world) => world.windows[chat.id]);
  const [isDetailed, setDetailed] = useState(false);
  const [isOver, setOver] = useState(false);
  const composer = useRef<ComposerHandle>(null);
  const begin = useMemo<Begin>(() => ({ write: (text) => composer.current?.write(text), reply: (message) => composer.current?.reply(message), edit: (message) => composer.current?.edit(message) }), []);

  useEffect(() => () => leave(chat.id), [chat.id]);
  const isEmpty = window === undefined;
  const [, navigate] = useLocation();
  const failed = useAgain(() => {
    if (at === undefined) return isEmpty ? loadFirst(chat.id) : undefined;
    return jump(chat.id, at).then(() => navigate(`/c/${chat.id}`, { replace: true })); // so that the same may be asked for again
  }, `${chat.id} ${at} ${isEmpty}`);
  useEffect(() => {
    if (world().chats[chat.id]?.preferences.marked_unread === true) void prefer(chat, { marked_unread: false });
  }, [chat.id]);
  useEffect(() => {
    if (chat.kind === "group") void loadMembers(chat.id).catch(() => undefined);
    if (chat.member_count > MOST_TOLD) void findChat(chat.id).catch(() => undefined);
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
        if (!event.dataTransfer.types.includes("Files")) return;
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={(event) => !(event.relatedTarget instanceof Node && event.currentTarget.contains(event.relatedTarget)) && setOver(false)}
      onDrop={drop}
    >
      <Head chat={chat} onDetails={() => setDetailed(true)} />
      {window !== undefined ? (
        <History key={`${chat.id} ${window.epoch}`} chat={chat} window={window} begin={begin} />
      ) : (
        <Center className="grow">
          <Loading failed={failed} what="Loading messages" />
        </Center>
      )}
      <Foot chat={chat}>
        <Composer key={chat.id} chat={chat} handle={composer} onEditLast={editLast} />
      </Foot>
      {isOver && <div className="drop">Drop files to attach them</div>}
      <Part>{isDetailed && <Details chat={chat} onClose={() => setDetailed(false)} />}</Part>
    </Box>
  );
}

/** Where messages are written; or why none can be. */
function Foot({ chat, children }: { chat: Chat; children: ReactNode }) {
  const queries = useQueryClient();
  const blocked = useBlocked();
  const { kind, peer } = chat;
  if (kind === "direct" && peer === undefined) return <p className="no-composer">This account is deleted. Nobody can be written to here.</p>;
  if (peer === undefined || blocked.data?.some((person) => person.id === peer.id) !== true) return children;
  const unblock = () =>
    attempt(async () => {
      value(await api.DELETE("/users/me/blocks/{user_id}", { params: { path: { user_id: peer.id } } }));
      await queries.invalidateQueries({ queryKey: ["blocked"] });
    });
  return (
    <p className="no-composer">
      You block {peer.display_name}.{" "}
      <UnstyledButton className="link" onClick={() => void unblock()}>
        Unblock
      </UnstyledButton>
    </p>
  );
}

function Head({ chat, onDetails }: { chat: Chat; onDetails: () => void }) {
  const name = chatName(chat);
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
      <Menu position="bottom-end" width={250}>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={36} radius="xl" aria-label="What to do with this chat">
            <IconDotsVertical size={20} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <ChatMenuItems chat={chat} onDetails={onDetails} />
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}

function Subtitle({ chat }: { chat: Chat }) {
  useMinute();
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
