/** The right side: one chat. */

import type { Chat } from "@carrier/client";
import { Box, Button, Skeleton, Stack, Text, Title, UnstyledButton } from "@mantine/core";
import {
  type DragEvent,
  lazy,
  type ReactNode,
  useEffect,
  useEffectEvent,
  useMemo,
  useRef,
  useState,
} from "react";
import { Link, useLocation } from "wouter";

import { findChat, setPreferences } from "../actions/chats";
import { jump, loadFirst } from "../actions/history";
import { loadMembers } from "../actions/members";
import { useBlockedPeople } from "../hooks/use-blocked-people";
import type { ComposerHandle } from "../hooks/use-composer";
import { useRetry } from "../hooks/use-retry";
import { useLimits, useMe, useWorld } from "../hooks/use-world";
import { Composer } from "../parts/composer";
import { ConversationHeader } from "../parts/conversation-header";
import { LazyBoundary } from "../parts/lazy-boundary";
import { MessageList } from "../parts/message-list";
import type { ComposerCommands } from "../parts/message-row";
import { PinnedBar } from "../parts/pinned-bar";
import { MAIN } from "../parts/skip-link";
import { foldersOf } from "../state/files";
import { withFewMarks } from "../state/markdown";
import { world } from "../state/world";

const Details = lazy(() => import("./details"));

interface Props {
  id: string;
  /** The message to jump to. */
  at: number | undefined;
}

export function Conversation({ id, at }: Props) {
  const chat = useWorld((now) => now.chats[id]);
  const isListed = useWorld((now) => now.listed);
  const [isMissing, setMissing] = useState(false);
  const isFailing = useRetry(
    async () => {
      if (chat === undefined && isListed) setMissing(!(await findChat(id)));
    },
    `${id} ${chat === undefined} ${isListed}`,
  );
  if (chat !== undefined) return <OpenChat chat={chat} at={at} />;
  return (
    <Box component="main" id={MAIN} tabIndex={-1} className="conversation">
      {isMissing ? (
        <Stack align="center" m="auto">
          <Title order={1} fz="h4">
            This chat isn’t here
          </Title>
          <Text c="dimmed">This chat doesn’t exist, or you’re no longer a member.</Text>
          <Button component={Link} href="/c" variant="light">
            Back to my chats
          </Button>
        </Stack>
      ) : (
        <Loading isFailing={isFailing} label="Loading" />
      )}
    </Box>
  );
}

/** The widths of the messages of a skeleton, in percent; those of mine are negative. */
const WIDTHS = [46, 30, -38, 52, -24, -44, 36, 48, -32, 40];

function Loading({ isFailing, label }: { isFailing: boolean; label: string }) {
  if (isFailing)
    return (
      <Text c="dimmed" m="auto">
        No connection. Trying again…
      </Text>
    );
  return (
    <div className="messages-skeleton" role="status" aria-label={label}>
      {WIDTHS.map((width) => (
        <Skeleton
          key={width}
          height={38}
          radius={18}
          width={`${Math.abs(width)}%`}
          ms={width < 0 ? "auto" : 0}
        />
      ))}
    </div>
  );
}

function OpenChat({ chat, at }: { chat: Chat; at: number | undefined }) {
  const messages = useWorld((now) => now.windows[chat.id]);
  const [isDetailsOpen, setDetailsOpen] = useState(false);
  const composer = useRef<ComposerHandle>(null);
  const commands = useMemo<ComposerCommands>(
    () => ({
      write: (text) => composer.current?.write(text),
      reply: (message) => composer.current?.reply(message),
      edit: (message) => composer.current?.edit(message),
    }),
    [],
  );
  const editLast = useEditLast(chat.id, commands);
  const isFailing = useLoading(chat, at, messages === undefined);
  const { isOver, ...dropHandlers } = useDrop((files, folders) =>
    composer.current?.attach(files, folders),
  );
  return (
    <Box
      component="main"
      id={MAIN}
      tabIndex={-1}
      className="conversation"
      data-over={isOver || undefined}
      {...dropHandlers}
    >
      <ConversationHeader chat={chat} onDetails={() => setDetailsOpen(true)} />
      <PinnedBar chat={chat} />
      {messages !== undefined ? (
        <MessageList
          key={`${chat.id} ${messages.epoch}`}
          chat={chat}
          messages={messages}
          composer={commands}
        />
      ) : (
        <Loading isFailing={isFailing} label="Loading messages" />
      )}
      <IfWritable chat={chat}>
        <Composer key={chat.id} chat={chat} handle={composer} onEditLast={editLast} />
      </IfWritable>
      {isOver && <div className="drop">Drop files to attach them</div>}
      <LazyBoundary>
        {isDetailsOpen && <Details chat={chat} onClose={() => setDetailsOpen(false)} />}
      </LazyBoundary>
    </Box>
  );
}

/** Edits the last message of mine that is loaded. */
function useEditLast(chat: string, composer: ComposerCommands): () => void {
  const me = useMe();
  return () => {
    const last = world().windows[chat]?.items.findLast(
      (message) =>
        message.sender_id === me.id && message.kind === "text" && message.deleted !== true,
    );
    if (last !== undefined) composer.edit(last);
  };
}

/** Loads what an open chat needs. Returns true while its messages cannot be loaded. */
function useLoading(chat: Chat, at: number | undefined, isEmpty: boolean): boolean {
  const { id, kind, member_count } = chat;
  const { receipt_members } = useLimits();
  const [, navigate] = useLocation();
  const isFailing = useRetry(() => {
    if (at === undefined) return isEmpty ? loadFirst(id) : undefined;
    // The address is changed, so that the same message may be asked for again.
    return jump(id, at).then(() => navigate(`/c/${id}`, { replace: true }));
  }, `${id} ${at} ${isEmpty}`);
  const markSeen = useEffectEvent(() => {
    if (chat.preferences.marked_unread) void setPreferences(chat, { marked_unread: false });
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each chat that is opened
  useEffect(() => markSeen(), [id]);
  const loadRest = useEffectEvent(() => {
    // Once they are known, events tell of changes.
    if (kind === "group" && world().members[id] === undefined)
      void loadMembers(id).catch(() => undefined);
    // In a larger chat no event tells how far the others have read.
    if (member_count > receipt_members) void findChat(id).catch(() => undefined);
  });
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each chat that is opened
  useEffect(() => loadRest(), [id, kind]);
  return isFailing;
}

/** Takes files that are dropped. */
function useDrop(onFiles: (files: FileList, folders: string[]) => void) {
  const [isOver, setOver] = useState(false);
  return {
    isOver,
    onDragOver: (event: DragEvent) => {
      if (!event.dataTransfer.types.includes("Files")) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: ({ relatedTarget, currentTarget }: DragEvent) => {
      if (!(relatedTarget instanceof Node && currentTarget.contains(relatedTarget))) setOver(false);
    },
    onDrop: (event: DragEvent) => {
      setOver(false);
      const { files } = event.dataTransfer;
      if (files.length === 0) return; // a text, which the field takes by itself
      event.preventDefault();
      onFiles(files, foldersOf(event.dataTransfer));
    },
  };
}

/** Shows the composer; or the reason why nothing can be written. */
function IfWritable({ chat, children }: { chat: Chat; children: ReactNode }) {
  const { isBlocked, unblock } = useBlockedPeople();
  const { kind, peer } = chat;
  if (kind === "direct" && peer === undefined)
    return <p className="no-composer">This account has been deleted and can’t receive messages.</p>;
  if (peer === undefined || !isBlocked(peer.id)) return children;
  return (
    <p className="no-composer">
      You have blocked <bdi>{withFewMarks(peer.display_name)}</bdi>.{" "}
      <UnstyledButton className="link" onClick={() => void unblock(peer.id)}>
        Unblock
      </UnstyledButton>
    </p>
  );
}
