/** The header of a chat: its name, what goes on in it, and its menu. */

import type { Chat } from "@carrier/client";
import { ActionIcon, Box, Group, Text, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { IconArrowLeft } from "@tabler/icons-react";
import { type ComponentProps, lazy } from "react";
import { Link } from "wouter";

import { useMinute } from "../hooks/use-minute";
import { useWorld } from "../hooks/use-world";
import { ago } from "../state/dates";
import { isolated } from "../state/direction";
import { chatName } from "../state/names";
import { nameOf } from "../state/people";
import { ChatAvatar } from "./avatar";
import { ChatMenuIcon, Later } from "./menu-buttons";
import { Name } from "./name";

const ChatMenu = lazy(() => import("./chat-menu"));

interface Props {
  chat: Chat;
  onDetails: () => void;
}

export function ConversationHeader({ chat, onDetails }: Props) {
  return (
    <Group component="header" className="conversation-head" wrap="nowrap" gap="sm">
      <ActionIcon
        component={ToList}
        variant="subtle"
        color="gray"
        size={36}
        radius="xl"
        aria-label="Back to all chats"
        hiddenFrom="sm"
      >
        <IconArrowLeft size={20} className="flip" />
      </ActionIcon>
      <UnstyledButton className="conversation-title grow" onClick={onDetails}>
        <ChatAvatar chat={chat} size={40} />
        <Box className="grow">
          <Name component="h1" fw={650} lh={1.25}>
            {chatName(chat)}
          </Name>
          <Text size="xs" className="name faint" truncate dir="auto">
            <Subtitle chat={chat} />
            <VisuallyHidden>, details</VisuallyHidden>
          </Text>
        </Box>
      </UnstyledButton>
      <Later button={ChatMenuIcon}>
        {(isOpenAtFirst) => (
          <ChatMenu chat={chat} onDetails={onDetails} isOpenAtFirst={isOpenAtFirst} />
        )}
      </Later>
    </Group>
  );
}

/** Leads back to the list, which a chat takes the place of on a phone. */
const ToList = (props: ComponentProps<"a">) => <Link {...props} href="/c" replace />;

function Subtitle({ chat }: { chat: Chat }) {
  useMinute();
  const { kind, peer, description, member_count: count } = chat;
  const typing = useWorld((world) => Object.keys(world.typing[chat.id] ?? {}).join());
  const connection = useWorld((world) => world.connection);
  const presence = useWorld((world) => (peer === undefined ? undefined : world.presence[peer.id]));
  if (connection === "offline") return "Offline. Messages will be sent when you’re back online.";
  if (typing !== "") {
    const names = typing.split(",").map((id) => isolated(nameOf(id)));
    const verb = names.length === 1 ? "is" : "are";
    const inGroup = `${names.slice(0, 2).join(" and ")} ${verb} typing…`;
    return <span className="typing-word">{kind === "direct" ? "typing…" : inGroup}</span>;
  }
  if (kind === "group") return description ?? `${count} ${count === 1 ? "member" : "members"}`;
  if (presence?.online === true) return "online";
  if (presence?.last_seen_at !== undefined) return `last seen ${ago(presence.last_seen_at)}`;
  return peer === undefined ? "" : `@${peer.username}`;
}
