/** The left side: all chats, and what finds anything. */

import { ActionIcon, Badge, Box, CloseButton, Group, Menu, SegmentedControl, Skeleton, Stack, Text, TextInput, Tooltip, UnstyledButton, VisuallyHidden } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { IconAt, IconBellOff, IconDots, IconEdit, IconLogout, IconPin, IconSearch, IconSettings } from "@tabler/icons-react";
import type { Chat } from "@carrier/client";
import { type KeyboardEvent, memo, useMemo, useState } from "react";
import { Virtuoso } from "react-virtuoso";
import { Link } from "wouter";

import { ChatMenuItems } from "../parts/chat-menu";
import { ChatFace, PersonFace } from "../parts/face";
import { brief, chatName, useSystemText } from "../parts/names";
import { sure } from "../parts/sure";
import { Ticks } from "../parts/ticks";
import { briefly } from "../parts/when";
import { attempt } from "../state/acts";
import { draft } from "../state/drafts";
import { useOutbox } from "../state/outbox";
import { nameOf } from "../state/people";
import { endSearch, setWords, useSearch } from "../state/search";
import { logOut } from "../state/session";
import { inOrder, isMuted, isUnread, reach, useMe, useWorld } from "../state/world";
import { Found } from "./found";

type Show = "all" | "unread" | "archived";

async function leave(): Promise<void> {
  const many = useOutbox.getState().waiting.length;
  const what = many === 1 ? "A message is" : `${many} messages are`;
  if (many > 0 && !(await sure("Log out?", `${what} not sent yet, and would be lost.`, "Log out"))) return;
  await attempt(logOut);
}

export function ChatList({ chat, onNew, onSettings }: { chat: string | undefined; onNew: () => void; onSettings: () => void }) {
  const me = useMe();
  const chats = useWorld((world) => world.chats);
  const isListed = useWorld((world) => world.listed);
  const [show, setShow] = useState<Show>("all");
  const { words, chat: within } = useSearch();
  const searchedChat = useWorld((world) => (within === undefined ? undefined : world.chats[within]));
  const [searched] = useDebouncedValue(words.trim(), 200);

  const shown = useMemo(() => {
    const isShown = (chat: Chat) => {
      const { preferences } = chat;
      if (show === "archived") return preferences.archived;
      return !preferences.archived && (show === "all" || isUnread(chat));
    };
    return inOrder(chats).filter(isShown);
  }, [chats, show]);

  return (
    <Box component="aside" className="side" aria-label="Chats">
      <Group className="side-head" wrap="nowrap">
        <Menu position="bottom-start" width={220}>
          <Menu.Target>
            <UnstyledButton className="me">
              <PersonFace id={me.id} size={38} />
              <VisuallyHidden>{me.display_name}: account</VisuallyHidden>
            </UnstyledButton>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Label>@{me.username}</Menu.Label>
            <Menu.Item leftSection={<IconSettings size={16} />} onClick={onSettings}>
              Settings
            </Menu.Item>
            <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void leave()}>
              Log out
            </Menu.Item>
          </Menu.Dropdown>
        </Menu>
        <TextInput
          id="search"
          className="grow"
          aria-label="Search chats, people and messages"
          placeholder={searchedChat === undefined ? "Search" : `Search in ${chatName(searchedChat)}`}
          leftSection={<IconSearch size={16} />}
          rightSection={(words !== "" || within !== undefined) && <CloseButton size="sm" aria-label="Clear the search" onClick={endSearch} />}
          value={words}
          onChange={(event) => setWords(event.currentTarget.value)}
          onKeyDown={searchKey}
          variant="filled"
          radius="xl"
        />
        <Tooltip label="New chat">
          <ActionIcon variant="light" size={38} radius="xl" aria-label="New chat" onClick={onNew}>
            <IconEdit size={20} stroke={1.7} />
          </ActionIcon>
        </Tooltip>
      </Group>
      {searched !== "" ? (
        <Found words={searched} within={within} />
      ) : (
        <>
          <SegmentedControl
            className="side-tabs"
            size="xs"
            radius="xl"
            value={show}
            onChange={(value) => setShow(value as Show)}
            data={[
              { value: "all", label: "All" },
              { value: "unread", label: "Unread" },
              { value: "archived", label: "Archived" },
            ]}
          />
          {!isListed ? (
            <Waiting />
          ) : shown.length === 0 ? (
            <Empty show={show} onNew={onNew} />
          ) : (
            <Virtuoso
              className="grow"
              data={shown}
              computeItemKey={(_, { id }) => id}
              itemContent={(_, one) => <Row chat={one} isOpen={one.id === chat} />}
            />
          )}
        </>
      )}
    </Box>
  );
}

/** Enter opens what was found first; the arrow goes down into what was found. */
function searchKey(event: KeyboardEvent<HTMLInputElement>): void {
  const first = document.querySelector<HTMLButtonElement>(".found button");
  if (event.key === "Escape") endSearch();
  else if (event.key === "Enter") first?.click();
  else if (event.key === "ArrowDown") first?.focus();
  else return;
  event.preventDefault();
}

/** One chat; what can be done with it is made when somebody comes near. */
function Row({ chat, isOpen }: { chat: Chat; isOpen: boolean }) {
  const [isNear, setNear] = useState(false);
  const [isMenu, setMenu] = useState(false);
  const name = chatName(chat);
  return (
    <Box
      className="chat-row"
      onPointerEnter={(event) => event.pointerType === "mouse" && setNear(true)}
      onPointerLeave={() => setNear(false)}
      onContextMenu={(event) => {
        event.preventDefault();
        setNear(true);
        setMenu(true);
      }}
    >
      <Item chat={chat} isOpen={isOpen} />
      {(isNear || isMenu) && (
        <Menu opened={isMenu} onChange={setMenu} position="bottom-end" width={250}>
          <Menu.Target>
            <ActionIcon className="chat-more" variant="default" size={26} radius="xl" aria-label={`What to do with ${name}`}>
              <IconDots size={16} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <ChatMenuItems chat={chat} />
          </Menu.Dropdown>
        </Menu>
      )}
    </Box>
  );
}

const Item = memo(function Item({ chat, isOpen }: { chat: Chat; isOpen: boolean }) {
  const name = chatName(chat);
  const { id, last_message, unread_count, unread_mentions, preferences } = chat;
  const quiet = isMuted(chat);
  const unread = isUnread(chat);
  return (
    <Link href={`/c/${id}`} className="chat-item plain" data-open={isOpen || undefined} aria-current={isOpen ? "page" : undefined}>
      <ChatFace chat={chat} />
      <Box className="grow">
        <Group gap={6} wrap="nowrap">
          <Text fw={unread ? 700 : 600} truncate className="grow" component="span">
            {name}
          </Text>
          {quiet && <IconBellOff size={14} className="faint" aria-label="Muted" />}
          {preferences.pinned && <IconPin size={14} className="faint" aria-label="Pinned" />}
          {last_message !== undefined && (
            <Text span size="xs" className="faint" component="time">
              {briefly(last_message.created_at)}
            </Text>
          )}
        </Group>
        <Group gap={6} wrap="nowrap" mih={21}>
          <Text span size="sm" className="faint grow" truncate component="span">
            <Preview chat={chat} />
          </Text>
          {unread_mentions > 0 && (
            <Badge circle size="md" color="harbor" aria-label="You were mentioned">
              <IconAt size={12} />
            </Badge>
          )}
          {unread && (
            <Badge size="md" circle={unread_count < 10} color={quiet ? "gray" : "harbor"} aria-label={unread_count > 0 ? `${unread_count} unread` : "Marked as unread"}>
              {unread_count > 0 ? (unread_count > 999 ? "999+" : unread_count) : ""}
            </Badge>
          )}
        </Group>
      </Box>
    </Link>
  );
});

function Preview({ chat }: { chat: Chat }) {
  const me = useMe();
  const typing = useWorld((world) => Object.keys(world.typing[chat.id] ?? {}).join());
  const waiting = useOutbox(({ waiting }) => waiting.findLast((one) => one.chat === chat.id));
  const sender = useWorld((world) => world.people[chat.last_message?.sender_id ?? ""]?.display_name);
  const last = chat.last_message;
  if (typing !== "") {
    const [first = "", ...others] = typing.split(",");
    return <em className="typing-word">{chat.kind === "direct" ? "typing …" : others.length > 0 ? "several are typing …" : `${nameOf(first)} is typing …`}</em>;
  }
  if (waiting !== undefined) {
    return (
      <>
        {waiting.refused === undefined ? <Ticks reach="sending" /> : <em className="failed">Not sent: </em>} {waiting.message.body}
      </>
    );
  }
  const begun = draft(me.id, chat.id);
  if (begun !== "") {
    return (
      <>
        <em className="draft">Draft: </em>
        {begun}
      </>
    );
  }
  if (last === undefined) return chat.kind === "direct" ? "Say hello" : "A new group";
  if (last.kind === "system") return <SystemText message={last} />;
  if (last.sender_id === me.id) {
    return (
      <>
        <Ticks reach={reach(last, chat.others, chat.saved)} /> {brief(last)}
      </>
    );
  }
  return chat.kind === "group" ? `${sender ?? "…"}: ${brief(last)}` : brief(last);
}

function SystemText({ message }: { message: NonNullable<Chat["last_message"]> }) {
  return useSystemText(message);
}

function Waiting() {
  return (
    <Stack p="md" gap="lg" aria-label="Loading">
      {[1, 2, 3, 4, 5].map((row) => (
        <Group key={row} wrap="nowrap">
          <Skeleton height={46} circle />
          <Stack gap={8} className="grow">
            <Skeleton height={12} width="50%" />
            <Skeleton height={10} width="80%" />
          </Stack>
        </Group>
      ))}
    </Stack>
  );
}

function Empty({ show, onNew }: { show: Show; onNew: () => void }) {
  const says = { all: "No chats yet.", unread: "You have read everything.", archived: "Nothing is archived." }[show];
  return (
    <Stack align="center" p="xl" gap="xs">
      <Text c="dimmed">{says}</Text>
      {show === "all" && (
        <UnstyledButton className="link" onClick={onNew}>
          Write to somebody
        </UnstyledButton>
      )}
    </Stack>
  );
}
