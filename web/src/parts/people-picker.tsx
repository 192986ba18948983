/** Finds people by name, username or email address, and lets some of them be chosen. */

import { Box, CheckIcon, Pill, PillsInput, ScrollArea, Text, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { type KeyboardEvent, useEffect, useEffectEvent, useRef, useState } from "react";

import { findPeople, putPeople } from "../actions/people";
import { useLimits, useMe } from "../hooks/use-world";
import { firstCharacters } from "../state/characters";
import { isolated } from "../state/direction";
import { withFewMarks } from "../state/markdown";
import { isAddress } from "../state/search";
import { PersonItem } from "./person-item";
import { Queries } from "./queries";

/** Rows of the list, at most. */
const MOST_SHOWN = 30;

/** A person who was chosen; or an address, which only the server may know. */
export type Chosen = { id: string; name: string };

interface Props {
  label: string;
  chosen: readonly Chosen[];
  onChange: (chosen: Chosen[]) => void;
  /** The ids of people who are not shown, as they are members already. */
  without?: ReadonlySet<string>;
  /** Offers no addresses: only a new chat can begin with one. */
  isKnownOnly?: boolean;
}

export function PeoplePicker(props: Props) {
  return (
    <Queries>
      <Picker {...props} />
    </Queries>
  );
}

function Picker({ label, chosen, onChange, without, isKnownOnly = false }: Props) {
  const [typed, setTyped] = useState("");
  const words = typed.trim();
  const { people, searched, isCurrent } = usePeopleSearch(words, without);
  const isOffered = !isKnownOnly && isAddress(words);
  const isChosen = (id: string) => chosen.some((one) => one.id === id);
  const toggle = (one: Chosen) => {
    setTyped("");
    if (isChosen(one.id)) onChange(chosen.filter((other) => other.id !== one.id));
    else onChange([...chosen, one]);
  };
  /** True from an Enter on, until the people are those of the words. */
  const [isWanted, setWanted] = useState(false);
  const chooseFirst = useEffectEvent(() => {
    const [first] = people ?? [];
    setWanted(false);
    if (first !== undefined) toggle({ id: first.id, name: first.display_name });
  });
  useEffect(() => {
    if (isWanted && isCurrent) chooseFirst();
  }, [isWanted, isCurrent]);
  const field = useRef<HTMLInputElement>(null);
  const remove = (one: Chosen) => {
    toggle(one);
    field.current?.focus(); // the button that had the focus is gone
  };
  const toggleAddress = () => toggle({ id: words, name: words });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && typed !== "") {
      event.preventDefault();
      if (isOffered) toggleAddress();
      else setWanted(true);
    }
    if (event.key === "Backspace" && typed === "" && chosen.length > 0)
      onChange(chosen.slice(0, -1));
  };
  return (
    <Box>
      <PillsInput label={label}>
        <Pill.Group>
          {chosen.map((one) => (
            <Pill
              key={one.id}
              withRemoveButton
              onRemove={() => remove(one)}
              removeButtonProps={{
                "aria-label": `Remove ${one.name}`,
                "aria-hidden": undefined,
                tabIndex: 0,
              }}
            >
              <bdi>{withFewMarks(one.name)}</bdi>
            </Pill>
          ))}
          <PillsInput.Field
            ref={field}
            aria-label={label}
            placeholder={placeholder(chosen.length, isKnownOnly)}
            value={typed}
            data-autofocus
            onChange={(event) => {
              setTyped(event.currentTarget.value);
              setWanted(false);
            }}
            onKeyDown={onKeyDown}
          />
        </Pill.Group>
      </PillsInput>
      <ScrollArea h={280} mt="xs" type="auto">
        {isOffered && (
          <UnstyledButton className="chat-item" onClick={toggleAddress}>
            <Text>
              Use the address <bdi>{words}</bdi>
            </Text>
          </UnstyledButton>
        )}
        {people?.map((person) => (
          <PersonItem
            key={person.id}
            person={person}
            size={36}
            aria-pressed={isChosen(person.id)}
            onClick={() => toggle({ id: person.id, name: person.display_name })}
          >
            {isChosen(person.id) && <CheckIcon size={14} />}
          </PersonItem>
        ))}
        {people?.length === 0 && !isOffered && (
          <Text p="md" c="dimmed" ta="center" size="sm">
            No people found{searched !== "" && ` for “${isolated(searched)}”`}.
          </Text>
        )}
      </ScrollArea>
    </Box>
  );
}

function placeholder(chosen: number, isKnownOnly: boolean): string {
  if (chosen > 0) return "";
  return isKnownOnly ? "Name or username" : "Name, username or email";
}

/** Searches for people as their names are typed; without me, and without some. */
function usePeopleSearch(words: string, without: ReadonlySet<string> | undefined) {
  const me = useMe();
  const limits = useLimits();
  const [debounced] = useDebouncedValue(words, 150);
  const searched = firstCharacters(debounced, limits.people_search);
  const query = useQuery({
    queryKey: ["people to choose", searched],
    queryFn: async () => {
      const people = await findPeople(searched, MOST_SHOWN);
      putPeople(people);
      return people;
    },
    placeholderData: keepPreviousData, // nothing jumps while a name is typed
  });
  const people = query.data?.filter(({ id }) => id !== me.id && without?.has(id) !== true);
  return { people, searched, isCurrent: debounced === words && !query.isPlaceholderData };
}
