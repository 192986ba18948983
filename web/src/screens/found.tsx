/** What a search finds: chats by name, people, and words in messages. */

import { Box, Center, Group, Loader, Text, UnstyledButton } from "@mantine/core";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type Chat, type components, value } from "@carrier/client";
import { type KeyboardEvent, useMemo } from "react";
import { useLocation } from "wouter";

import { api } from "../carrier";
import { ChatFace, PersonFace } from "../parts/face";
import { Failed } from "../parts/failed";
import { chatName } from "../parts/names";
import { briefly } from "../parts/when";
import { attempt, openChat } from "../state/acts";
import { nameOf, needPeople } from "../state/people";
import { endSearch, focusSearch } from "../state/search";
import { inOrder, useMe, useWorld } from "../state/world";

type Hit = components["schemas"]["Hit"];

export function Found({ words, within }: { words: string; within: string | undefined }) {
  const me = useMe();
  const [, navigate] = useLocation();
  const chats = useWorld((world) => world.chats);
  const known = useWorld((world) => world.people);
  const people = useQuery({
    queryKey: ["people to find", words],
    enabled: within === undefined,
    queryFn: async () => value(await api.GET("/users", { params: { query: { query: words, limit: 6 } } })).items,
  });
  const hits = useInfiniteQuery({
    queryKey: ["search", words, within],
    initialPageParam: undefined as string | undefined,
    queryFn: async ({ pageParam }) => {
      const query = { q: words, limit: 30, ...(within !== undefined && { chat_id: within }) };
      const page = value(await api.GET("/search", { params: { query: { ...query, ...(pageParam !== undefined && { cursor: pageParam }) } } }));
      needPeople(page.items.map(({ message }) => message.sender_id));
      return page;
    },
    getNextPageParam: (page) => page.next,
  });
  const named = useMemo(() => {
    if (within !== undefined) return [];
    const lower = words.toLowerCase();
    const calls = (chat: Chat) => [chat.name, chat.peer?.display_name, chat.peer?.username, ...chat.members.map((member) => known[member.user_id]?.display_name)];
    return inOrder(chats)
      .filter((chat) => calls(chat).some((name) => name?.toLowerCase().includes(lower)))
      .slice(0, 6);
  }, [chats, known, words, within]);

  const goTo = (path: string) => {
    if (within === undefined) endSearch(); // in one chat people go from hit to hit
    navigate(path);
  };
  const write = (id: string) => attempt(async () => goTo(`/c/${await openChat({ kind: "direct", members: [id] })}`));
  const strangers = people.data?.filter((person) => person.id !== me.id && !named.some((chat) => chat.peer?.id === person.id)) ?? [];
  const found = hits.data?.pages.flatMap((page) => page.items) ?? [];
  const isNothing = hits.isSuccess && (within !== undefined || people.isSuccess) && named.length + strangers.length + found.length === 0;

  return (
    <Box className="found grow" onKeyDown={moveAmong}>
      {named.length > 0 && <h2 className="found-head">Chats</h2>}
      {named.map((chat) => (
        <FoundChat key={chat.id} chat={chat} onOpen={() => goTo(`/c/${chat.id}`)} />
      ))}
      {strangers.length > 0 && <h2 className="found-head">People</h2>}
      {strangers.map((person) => (
        <UnstyledButton key={person.id} className="chat-item" onClick={() => void write(person.id)}>
          <PersonFace id={person.id} person={person} size={38} />
          <Box className="grow">
            <Text fw={600} truncate>
              {person.display_name}
            </Text>
            <Text size="sm" className="faint" truncate>
              @{person.username}
            </Text>
          </Box>
        </UnstyledButton>
      ))}
      {found.length > 0 && <h2 className="found-head">Messages</h2>}
      {found.map((hit) => (
        <FoundMessage key={`${hit.message.chat_id} ${hit.message.id}`} hit={hit} onOpen={() => goTo(`/c/${hit.message.chat_id}?at=${hit.message.id}`)} />
      ))}
      {hits.hasNextPage && (
        <UnstyledButton className="link more" onClick={() => void hits.fetchNextPage()}>
          {hits.isFetchingNextPage ? "Searching …" : "More"}
        </UnstyledButton>
      )}
      {hits.isError && <Failed error={hits.error} onRetry={() => void hits.refetch()} />}
      {hits.isPending && (
        <Center p="md">
          <Loader size="sm" type="dots" aria-label="Searching" />
        </Center>
      )}
      {isNothing && (
        <Text p="xl" ta="center" c="dimmed">
          Nothing found for “{words}”.
        </Text>
      )}
    </Box>
  );
}

function moveAmong(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.key === "Escape") endSearch();
  if (step === undefined) return;
  const all = [...event.currentTarget.querySelectorAll("button")];
  const next = all[all.findIndex((one) => one === document.activeElement) + step];
  event.preventDefault();
  if (next === undefined) focusSearch();
  else next.focus();
}

function FoundChat({ chat, onOpen }: { chat: Chat; onOpen: () => void }) {
  const name = chatName(chat);
  return (
    <UnstyledButton className="chat-item" onClick={onOpen}>
      <ChatFace chat={chat} size={38} />
      <Text fw={600} truncate className="grow">
        {name}
      </Text>
    </UnstyledButton>
  );
}

function FoundMessage({ hit, onOpen }: { hit: Hit; onOpen: () => void }) {
  const { message, segments } = hit;
  const chat = useWorld((world) => world.chats[message.chat_id]);
  useWorld((world) => world.people[message.sender_id]);
  return (
    <UnstyledButton className="chat-item hit" onClick={onOpen}>
      <Box className="grow">
        <Group gap={6} wrap="nowrap">
          <Text span size="sm" fw={600} truncate className="grow">
            {nameOf(message.sender_id)}
            {chat !== undefined && chat.kind === "group" && <ChatLabel chat={chat} />}
          </Text>
          <Text span size="xs" className="faint">
            {briefly(message.created_at)}
          </Text>
        </Group>
        <Text size="sm" className="faint" lineClamp={2}>
          {segments.map((segment, at) => (segment.hit ? <mark key={at}>{segment.text}</mark> : segment.text))}
        </Text>
      </Box>
    </UnstyledButton>
  );
}

function ChatLabel({ chat }: { chat: Chat }) {
  const name = chatName(chat);
  return <span className="faint"> in {name}</span>;
}
