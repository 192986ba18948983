/** The left side: the search field, and all chats or the results of a search. */

import type { Chat } from "@carrier/client";
import {
  ActionIcon,
  Box,
  CloseButton,
  Group,
  SegmentedControl,
  Skeleton,
  Stack,
  Text,
  TextInput,
  UnstyledButton,
  VisuallyHidden,
} from "@mantine/core";
import { IconEdit, IconSearch } from "@tabler/icons-react";
import { type KeyboardEvent, lazy, useMemo, useState } from "react";
import { Virtuoso } from "react-virtuoso";

import { SEARCH_FIELD } from "../hooks/search-field";
import { useBack } from "../hooks/use-back";
import { usePhone } from "../hooks/use-phone";
import { useSearch, useWorld } from "../hooks/use-world";
import { ChatRow } from "../parts/chat-row";
import { Hint } from "../parts/hint";
import { LazyBoundary } from "../parts/lazy-boundary";
import { AccountIcon, Later } from "../parts/menu-buttons";
import { MAIN } from "../parts/skip-link";
import { inOrder, isUnread } from "../state/chats";
import { isolated } from "../state/direction";
import { chatName } from "../state/names";
import { endSearch, openFirst, searchEverywhere, setWords } from "../state/search";

const AccountMenu = lazy(() => import("../parts/account-menu"));
const SearchResults = lazy(() => import("./search-results"));

type Filter = "all" | "unread" | "archived";

interface Props {
  /** The chat that is open on the right. */
  openId: string | undefined;
  /** True on a phone while no chat is open: the list is all that is shown. */
  isAlone: boolean;
  onNewChat: () => void;
  onSettings: () => void;
}

export function ChatList({ openId, isAlone, onNewChat, onSettings }: Props) {
  const { words, chat } = useSearch();
  const [filter, setFilter] = useState<Filter>("all");
  const searched = words.trim();
  const isPhone = usePhone();
  const isShown = isAlone || !isPhone;
  useBack(isShown && (words !== "" || chat !== undefined), endSearch);
  return (
    <Box
      className="side"
      aria-label="Chats"
      {...(isAlone ? { role: "main", id: MAIN, tabIndex: -1 } : { role: "complementary" })}
    >
      {isAlone && <VisuallyHidden component="h1">Chats</VisuallyHidden>}
      <Group className="side-head" wrap="nowrap">
        <Later button={AccountIcon}>
          {(isOpenAtFirst) => <AccountMenu onSettings={onSettings} isOpenAtFirst={isOpenAtFirst} />}
        </Later>
        <SearchField />
        <Hint label="New chat" portalProps={{ target: ".side" }}>
          <ActionIcon
            variant="light"
            size={38}
            radius="xl"
            aria-label="New chat"
            onClick={onNewChat}
          >
            <IconEdit size={20} stroke={1.7} />
          </ActionIcon>
        </Hint>
      </Group>
      {chat !== undefined && <SearchScope chat={chat} />}
      {searched !== "" ? (
        <LazyBoundary>
          <SearchResults words={searched} chat={chat} />
        </LazyBoundary>
      ) : (
        <Chats filter={filter} onFilter={setFilter} openId={openId} onNewChat={onNewChat} />
      )}
    </Box>
  );
}

function SearchField() {
  const { words, chat: within } = useSearch();
  const chat = useWorld((world) => (within === undefined ? undefined : world.chats[within]));
  const isSearching = words !== "" || within !== undefined;
  return (
    <TextInput
      id={SEARCH_FIELD}
      className="grow"
      aria-label="Search chats, people and messages"
      placeholder={chat === undefined ? "Search" : `Search in ${isolated(chatName(chat))}`}
      leftSection={<IconSearch size={16} />}
      rightSection={
        isSearching && <CloseButton size={26} aria-label="Clear the search" onClick={endSearch} />
      }
      value={words}
      onChange={(event) => setWords(event.currentTarget.value)}
      onKeyDown={onSearchKey}
      variant="filled"
      radius="xl"
    />
  );
}

/** Says that only one chat is searched, and leads out of it. */
function SearchScope({ chat: id }: { chat: string }) {
  const name = useWorld(({ chats: { [id]: chat } }) => chat && chatName(chat));
  return (
    <Group className="scope" wrap="nowrap" gap="xs">
      <Text size="sm" truncate>
        Only in{" "}
        <b>
          <bdi>{name}</bdi>
        </b>
      </Text>
      <UnstyledButton className="link" onClick={searchEverywhere}>
        Search everywhere
      </UnstyledButton>
    </Group>
  );
}

/** Enter opens the first result, at once or when it is there; the arrow goes into the results. */
function onSearchKey(event: KeyboardEvent<HTMLInputElement>): void {
  const first = document.querySelector<HTMLButtonElement>(".results button");
  if (event.key === "Escape") endSearch();
  else if (event.key === "Enter") openFirst(true);
  else if (event.key === "ArrowDown") first?.focus();
  else return;
  event.preventDefault();
}

function isShown(chat: Chat, filter: Filter): boolean {
  const { archived } = chat.preferences;
  if (filter === "archived") return archived;
  return !archived && (filter === "all" || isUnread(chat));
}

interface ChatsProps extends Pick<Props, "openId" | "onNewChat"> {
  filter: Filter;
  onFilter: (filter: Filter) => void;
}

function Chats({ filter, onFilter, openId, onNewChat }: ChatsProps) {
  const chats = useWorld((world) => world.chats);
  const isListed = useWorld((world) => world.listed);
  const shown = useMemo(
    () => inOrder(chats).filter((chat) => isShown(chat, filter)),
    [chats, filter],
  );
  return (
    <>
      <SegmentedControl
        className="side-tabs"
        size="xs"
        radius="xl"
        value={filter}
        onChange={(value) => onFilter(value as Filter)}
        data={[
          { value: "all", label: "All" },
          { value: "unread", label: "Unread" },
          { value: "archived", label: "Archived" },
        ]}
      />
      {!isListed && <ListSkeleton />}
      {isListed && shown.length === 0 && <NoChats filter={filter} onNewChat={onNewChat} />}
      {isListed && shown.length > 0 && (
        <Virtuoso
          className="grow"
          data={shown}
          computeItemKey={(_, { id }) => id}
          itemContent={(_, one) => <ChatRow chat={one} isOpen={one.id === openId} />}
        />
      )}
    </>
  );
}

function ListSkeleton() {
  return (
    <Stack p="md" gap="lg" role="status" aria-label="Loading">
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

const NO_CHATS: Record<Filter, string> = {
  all: "No chats yet.",
  unread: "No unread chats.",
  archived: "No archived chats.",
};

function NoChats({ filter, onNewChat }: { filter: Filter; onNewChat: () => void }) {
  return (
    <Stack align="center" p="xl" gap="xs">
      <Text c="dimmed">{NO_CHATS[filter]}</Text>
      {filter === "all" && (
        <UnstyledButton className="link" onClick={onNewChat}>
          Start a chat
        </UnstyledButton>
      )}
    </Stack>
  );
}
