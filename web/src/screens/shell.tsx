/** The page of an account: chats on the left, one of them on the right; on a phone one of both. */

import { Box, Center, Kbd, Stack, Text, VisuallyHidden } from "@mantine/core";
import { IconCloudPause, IconMessages, IconPlugConnectedX } from "@tabler/icons-react";
import { lazy, useCallback, useEffect, useState } from "react";
import { useLocation, useSearchParams } from "wouter";

import { openNotifications } from "../actions/notifications";
import { useCalendarWatch } from "../hooks/use-calendar-watch";
import { usePhone } from "../hooks/use-phone";
import { useShortcuts } from "../hooks/use-shortcuts";
import { useNoSkeleton } from "../hooks/use-skeleton";
import { useTrouble } from "../hooks/use-trouble";
import { useWatchedPeople } from "../hooks/use-watched-people";
import { useQuestion, useWorld } from "../hooks/use-world";
import { LazyBoundary } from "../parts/lazy-boundary";
import { MAIN, SkipLink } from "../parts/skip-link";
import { ChatList } from "./chat-list";
import { Conversation } from "./conversation";

const ConfirmDialog = lazy(() => import("../parts/confirm-dialog"));
const NewChat = lazy(() => import("./new-chat"));
const Settings = lazy(() => import("./settings"));

/** By then the page has come to rest. */
const SETTLED_MS = 3000;

export default function Shell({ chat }: { chat: string | undefined }) {
  const [dialog, setDialog] = useState<"new chat" | "settings">();
  const [, navigate] = useLocation();
  const [query] = useSearchParams();
  const at = Number(query.get("at")) || undefined;
  const isAlone = usePhone() && chat === undefined;
  const trouble = useTrouble();
  const connection = useWorld((world) => world.connection);
  const isAsked = useQuestion() !== undefined;
  const dismiss = () => setDialog(undefined);
  const startChat = useCallback(() => setDialog("new chat"), []);
  useNoSkeleton(true);
  useWatchedPeople(chat);
  usePreload();
  useCalendarWatch();
  useEffect(() => openNotifications((id) => navigate(`/c/${id}`)), [navigate]);
  useShortcuts(chat, navigate, startChat);
  return (
    <Box className="shell" data-chat={chat !== undefined || undefined} data-connection={connection}>
      {!isAlone && <SkipLink />}
      {trouble === "offline" && (
        <output className="notice offline">
          <IconPlugConnectedX size={16} /> Offline. Reconnecting…
        </output>
      )}
      {trouble === "partial" && (
        <output className="notice">
          <IconCloudPause size={16} /> Some messages may be missing. They will appear soon.
        </output>
      )}
      <ChatList
        openId={chat}
        isAlone={isAlone}
        onNewChat={startChat}
        onSettings={() => setDialog("settings")}
      />
      {chat !== undefined && <Conversation key={chat} id={chat} at={at} />}
      {chat === undefined && !isAlone && <NoChat />}
      <LazyBoundary>
        {dialog === "new chat" && <NewChat onClose={dismiss} />}
        {dialog === "settings" && <Settings onClose={dismiss} />}
      </LazyBoundary>
      <LazyBoundary>{isAsked && <ConfirmDialog />}</LazyBoundary>
    </Box>
  );
}

function NoChat() {
  return (
    <Center component="main" id={MAIN} tabIndex={-1} className="no-chat">
      <Stack align="center" gap="xs">
        <VisuallyHidden component="h1">Chats</VisuallyHidden>
        <IconMessages size={56} stroke={1} className="faint" />
        <Text c="dimmed">Choose a chat, or start one.</Text>
        <Text size="sm" c="dimmed">
          <Kbd>Ctrl</Kbd> + <Kbd>K</Kbd> to search
        </Text>
      </Stack>
    </Center>
  );
}

/**
 * Loads what is needed later when there is nothing else to do: so it is there at once, and without
 * a network.
 */
function usePreload(): void {
  useEffect(() => {
    const load = () =>
      void Promise.allSettled([
        import("./details"),
        import("./settings"),
        import("./new-chat"),
        import("./search-results"),
        import("../parts/message-info"),
        import("../parts/message-tools"),
        import("../parts/confirm-dialog"),
        import("../parts/chat-row-menu"),
        import("../parts/emoji-picker"),
      ]);
    const timer = setTimeout(load, SETTLED_MS);
    return () => clearTimeout(timer);
  }, []);
}
