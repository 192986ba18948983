/** The page of somebody who is in: chats on the left, one of them on the right; one of the two on a phone. */

import { Box, Center, Kbd, Stack, Text } from "@mantine/core";
import { IconMessages, IconPlugConnectedX } from "@tabler/icons-react";
import { lazy, useEffect, useState } from "react";
import { useLocation, useSearchParams } from "wouter";

import { Part } from "../parts/part";
import { openNotify } from "../state/notify";
import { focusSearch } from "../state/search";
import { say } from "../state/session";
import { inOrder, useWorld, world } from "../state/world";
import { ChatList } from "./chat-list";
import { Conversation } from "./conversation";

const NewChat = lazy(() => import("./new-chat"));
const Settings = lazy(() => import("./settings"));

/** As many people as the server watches at once. */
const MOST_WATCHED = 100;
/** An absence that is shorter is not worth a word. */
const BLINK_MS = 1200;
/** By then the page has come to rest. */
const SETTLED_MS = 3000;

export default function Shell({ chat }: { chat: string | undefined }) {
  const [over, setOver] = useState<"new" | "settings">();
  const [, navigate] = useLocation();
  const [query] = useSearchParams();
  const at = Number(query.get("at")) || undefined;
  const isOffline = useOffline();
  usePresence(chat);
  useParts();
  useEffect(() => openNotify((id) => navigate(`/c/${id}`)), [navigate]);
  useKeys(chat, navigate, () => setOver("new"));
  return (
    <Box className="shell" data-chat={chat !== undefined || undefined}>
      {isOffline && (
        <div className="offline" role="status">
          <IconPlugConnectedX size={16} /> Offline. Coming back by itself …
        </div>
      )}
      <ChatList chat={chat} onNew={() => setOver("new")} onSettings={() => setOver("settings")} />
      {chat === undefined ? <Nothing /> : <Conversation key={chat} id={chat} at={at} />}
      <Part>
        {over === "new" && <NewChat onClose={() => setOver(undefined)} />}
        {over === "settings" && <Settings onClose={() => setOver(undefined)} />}
      </Part>
    </Box>
  );
}

function Nothing() {
  return (
    <Center className="nothing-open" visibleFrom="sm">
      <Stack align="center" gap="xs">
        <IconMessages size={56} stroke={1} className="faint" />
        <Text c="dimmed">Choose a chat, or begin one.</Text>
        <Text size="sm" c="dimmed">
          <Kbd>Ctrl</Kbd> + <Kbd>K</Kbd> finds anything
        </Text>
      </Stack>
    </Center>
  );
}

/** Away for longer than a blink. */
function useOffline(): boolean {
  const isAway = useWorld((world) => world.connection === "offline");
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(isAway), isAway ? BLINK_MS : 0);
    return () => clearTimeout(timer);
  }, [isAway]);
  return isLong;
}

/** The server tells of the people of the chat that is open, and of those whose chats come first. */
function usePresence(chat: string | undefined): void {
  const connection = useWorld((world) => world.connection);
  const peers = useWorld(({ chats, members, me }) => {
    const here = chat === undefined ? [] : (members[chat] ?? []).map((member) => member.user_id);
    const others = inOrder(chats).flatMap(({ peer }) => (peer === undefined ? [] : [peer.id]));
    const all = new Set([...here, ...others].filter((id) => id !== me?.id));
    return [...all].slice(0, MOST_WATCHED).sort().join();
  });
  useEffect(() => {
    if (connection === "online" && peers !== "") say({ type: "watch", user_ids: peers.split(",") });
  }, [connection, peers]);
}

/** What is wanted later is loaded when there is nothing else to do: so it is there at once, and without a network. */
function useParts(): void {
  useEffect(() => {
    const load = () => void Promise.allSettled([import("../parts/markdown"), import("./details"), import("./settings"), import("./new-chat"), import("./message-info"), import("../parts/emoji-picker")]);
    const timer = setTimeout(load, SETTLED_MS);
    return () => clearTimeout(timer);
  }, []);
}

function useKeys(chat: string | undefined, navigate: (path: string) => void, onNew: () => void): void {
  useEffect(() => {
    const down = (event: KeyboardEvent) => {
      if ((event.ctrlKey || event.metaKey) && event.key === "k") {
        event.preventDefault();
        focusSearch();
      } else if (event.altKey && event.key === "n") {
        event.preventDefault();
        onNew();
      } else if (event.altKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
        const all = inOrder(world().chats).filter((one) => !one.preferences.archived);
        const at = all.findIndex((one) => one.id === chat);
        const next = all[at + (event.key === "ArrowUp" ? -1 : 1)];
        if (next === undefined) return;
        event.preventDefault();
        navigate(`/c/${next.id}`);
      }
    };
    addEventListener("keydown", down);
    return () => removeEventListener("keydown", down);
  }, [chat, navigate, onNew]);
}
