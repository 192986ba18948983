/**
 * The results of a search: names that are known, at each key; and, a little later, those of the
 * server and words in messages.
 */

import type { Chat, components } from "@carrier/client";
import { Box, Center, Group, Loader, Text, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useMemo, useRef } from "react";
import { useLocation } from "wouter";

import { attempt } from "../actions/attempt";
import { openChat } from "../actions/chats";
import { findPeople } from "../actions/people";
import { findMessages } from "../actions/search";
import { focusSearch } from "../hooks/search-field";
import { useLimits, useMe, useSearch, useWorld } from "../hooks/use-world";
import { ChatAvatar } from "../parts/avatar";
import { LoadError } from "../parts/load-error";
import { Name } from "../parts/name";
import { PersonItem } from "../parts/person-item";
import { Queries } from "../parts/queries";
import { firstCharacters } from "../state/characters";
import { briefly } from "../state/dates";
import { withFewMarks } from "../state/markdown";
import { chatName } from "../state/names";
import { nameOf } from "../state/people";
import { endSearch, findNamed, isAddress, type Named, openFirst } from "../state/search";
import { world } from "../state/world";

type Hit = components["schemas"]["Hit"];

/** People that a search shows at most. */
const MOST_PEOPLE = 6;
/** The server is asked once nothing was typed for so long, in milliseconds. */
const DEBOUNCE_MS = 200;

interface Props {
  words: string;
  /** `undefined`: all chats. */
  chat: string | undefined;
}

export default function SearchResults(props: Props) {
  return (
    <Queries>
      <Results {...props} />
    </Queries>
  );
}

function Results({ words, chat: within }: Props) {
  const [, navigate] = useLocation();
  const [searched] = useDebouncedValue(words, DEBOUNCE_MS);
  const isAsked = searched === words;
  const named = useNamedResults(words, searched, within);
  const { chats, people, groups, isPersonFirst, isPeopleDone } = named;
  const messages = useMessageResults(searched, within);
  const hits = isAsked ? (messages.data?.pages.flatMap((page) => page.items) ?? []) : [];
  const goTo = (path: string) => {
    if (within === undefined) endSearch(); // in one chat people go from hit to hit
    navigate(path);
  };
  const openDirect = (id: string) =>
    attempt(async () => goTo(`/c/${await openChat({ kind: "direct", members: [id] })}`));
  const isDone = isAsked && messages.isSuccess && isPeopleDone;
  const address = words.trim();
  const isOffered = within === undefined && isAddress(address);
  const count = chats.length + people.length + groups.length + hits.length;
  const isNothing = isDone && count === 0 && !isOffered && !messages.hasNextPage;
  const results = useFirstResult(count, isDone);
  const chatResults = (
    <>
      {chats.length > 0 && <h2 className="results-head">Chats</h2>}
      {chats.map((chat) => (
        <ChatResult key={chat.id} chat={chat} onOpen={() => goTo(`/c/${chat.id}`)} />
      ))}
    </>
  );
  return (
    <Box ref={results} className="results grow" onKeyDown={moveAmongResults}>
      {!isPersonFirst && chatResults}
      {people.length > 0 && <h2 className="results-head">People</h2>}
      {people.map((person) => (
        <PersonItem
          key={person.id}
          person={person}
          size={38}
          onClick={() => void openDirect(person.id)}
        />
      ))}
      {isPersonFirst && chatResults}
      {isOffered && (
        <UnstyledButton className="chat-item" onClick={() => void openDirect(address)}>
          <Text>
            Use the address <bdi>{address}</bdi>
          </Text>
        </UnstyledButton>
      )}
      {groups.length > 0 && <h2 className="results-head">Groups you share</h2>}
      {groups.map((chat) => (
        <ChatResult key={chat.id} chat={chat} onOpen={() => goTo(`/c/${chat.id}`)} />
      ))}
      {hits.length > 0 && <h2 className="results-head">Messages</h2>}
      {hits.map((hit) => {
        const { chat_id, id } = hit.message;
        const openHit = () => goTo(`/c/${chat_id}?at=${id}`);
        return <MessageResult key={`${chat_id} ${id}`} hit={hit} onOpen={openHit} />;
      })}
      {isAsked && messages.hasNextPage && (
        <UnstyledButton className="link more" onClick={() => void messages.fetchNextPage()}>
          {messages.isFetchingNextPage ? "Searching…" : "More"}
        </UnstyledButton>
      )}
      {messages.isError && (
        <LoadError error={messages.error} onRetry={() => void messages.refetch()} />
      )}
      {(!isAsked || messages.isPending) && (
        <Center p="md">
          <Loader size="sm" type="dots" aria-label="Searching" />
        </Center>
      )}
      {isNothing && (
        <Text p="xl" ta="center" c="dimmed">
          Nothing found for “<bdi>{words}</bdi>”.
        </Text>
      )}
    </Box>
  );
}

/** Opens the first result once there is one, when Enter was pressed before. */
function useFirstResult(count: number, isDone: boolean) {
  const results = useRef<HTMLDivElement>(null);
  const { opensFirst } = useSearch();
  useEffect(() => {
    if (!opensFirst || (count === 0 && !isDone)) return;
    openFirst(false);
    results.current?.querySelector<HTMLElement>("button")?.click();
  }, [opensFirst, count, isDone]);
  return results;
}

const NONE: Named = { chats: [], people: [], groups: [], isPersonFirst: false };

/** The chats and people with these words in their names; none in a search of one chat. */
function useNamedResults(words: string, searched: string, within: string | undefined) {
  const me = useMe();
  const limits = useLimits();
  const isEverywhere = within === undefined;
  const chats = useWorld((world) => world.chats);
  const known = useWorld((world) => world.people);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what it reads of the world
  const named = useMemo(
    () => (isEverywhere ? findNamed(words, world()) : NONE),
    [chats, known, words, isEverywhere],
  );
  const query = useQuery({
    queryKey: ["people to find", searched],
    enabled: isEverywhere,
    queryFn: () => findPeople(firstCharacters(searched, limits.people_search), MOST_PEOPLE),
  });
  const peers = named.chats.flatMap(({ peer }) => peer?.id ?? []);
  const shown = new Set([me.id, ...peers, ...named.people.map(({ id }) => id)]);
  const found = searched === words ? (query.data ?? []) : [];
  const people = [...named.people, ...found.filter(({ id }) => !shown.has(id))];
  return { ...named, people, isPeopleDone: !isEverywhere || query.isSuccess };
}

function useMessageResults(words: string, within: string | undefined) {
  return useInfiniteQuery({
    queryKey: ["search", words, within],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam }) => findMessages(words, within, pageParam),
    getNextPageParam: (page) => page.next,
  });
}

const STEPS: Record<string, number> = { ArrowUp: -1, ArrowDown: 1 };

/** Moves the focus from result to result by arrows; up from the first into the search field. */
function moveAmongResults(event: KeyboardEvent<HTMLElement>): void {
  if (event.key === "Escape") endSearch();
  const step = STEPS[event.key];
  if (step === undefined) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>("button")];
  const next = buttons[buttons.indexOf(document.activeElement as HTMLElement) + step];
  event.preventDefault();
  if (next === undefined) focusSearch();
  else next.focus();
}

function ChatResult({ chat, onOpen }: { chat: Chat; onOpen: () => void }) {
  return (
    <UnstyledButton className="chat-item" onClick={onOpen}>
      <ChatAvatar chat={chat} size={38} />
      <Name fw={600} className="grow">
        {chatName(chat)}
      </Name>
    </UnstyledButton>
  );
}

function MessageResult({ hit, onOpen }: { hit: Hit; onOpen: () => void }) {
  const { message, segments } = hit;
  const me = useMe();
  const chat = useWorld((world) => world.chats[message.chat_id]);
  const isMine = message.sender_id === me.id;
  const place = chat?.kind === "group" ? " in " : isMine ? " to " : undefined;
  useWorld((world) => world.people[message.sender_id]); // drawn once more when it is known
  return (
    <UnstyledButton className="chat-item hit" onClick={onOpen}>
      <Box className="grow">
        <Group gap={6} wrap="nowrap">
          <Text span size="sm" fw={600} truncate className="grow">
            {isMine ? "You" : <bdi>{nameOf(message.sender_id)}</bdi>}
            {chat !== undefined && place !== undefined && (
              <span className="faint">
                {place}
                <bdi>{chatName(chat)}</bdi>
              </span>
            )}
          </Text>
          <Text span size="xs" className="faint" dir="auto">
            {briefly(message.created_at)}
          </Text>
        </Group>
        <Text size="sm" className="faint" lineClamp={2} dir="auto">
          {segments.map((segment, index) => {
            const key = `${index} ${segment.text}`;
            const text = withFewMarks(segment.text);
            return segment.hit ? <mark key={key}>{text}</mark> : text;
          })}
        </Text>
      </Box>
    </UnstyledButton>
  );
}
