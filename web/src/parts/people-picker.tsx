/** Finds people by name, username or e-mail address, and lets some of them be chosen. */

import { Box, CheckIcon, Pill, PillsInput, ScrollArea, Text, UnstyledButton } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { value } from "@carrier/client";
import { useState } from "react";

import { api } from "../carrier";
import { putPeople } from "../state/people";
import { type Profile, useMe } from "../state/world";
import { PersonFace } from "./face";

/** Somebody who was found; or an address, which finds nobody here, but the server may know it. */
export type Chosen = { id: string; name: string };

interface Props {
  label: string;
  chosen: readonly Chosen[];
  onChange: (chosen: Chosen[]) => void;
  /** They are in already. */
  without?: ReadonlySet<string>;
  /** Nobody by an address: only a new chat can be begun with one. */
  isKnownOnly?: boolean;
}

export function PeoplePicker({ label, chosen, onChange, without, isKnownOnly = false }: Props) {
  const me = useMe();
  const [words, setWords] = useState("");
  const [searched] = useDebouncedValue(words.trim(), 150);
  const people = useQuery({
    queryKey: ["people to choose", searched],
    queryFn: async () => {
      const { items } = value(await api.GET("/users", { params: { query: { query: searched, limit: 30 } } }));
      putPeople(items);
      return items;
    },
    placeholderData: keepPreviousData, // nothing jumps while somebody types
  });
  const isAddress = !isKnownOnly && /^\S+@\S+\.\S+$/.test(words.trim());
  const isChosen = (id: string) => chosen.some((one) => one.id === id);
  const toggle = (one: Chosen) => {
    setWords("");
    if (isChosen(one.id)) onChange(chosen.filter((other) => other.id !== one.id));
    else onChange([...chosen, one]);
  };
  const found = (people.data ?? []).filter((person: Profile) => person.id !== me.id && without?.has(person.id) !== true);
  return (
    <Box>
      <PillsInput label={label}>
        <Pill.Group>
          {chosen.map((one) => (
            <Pill key={one.id} withRemoveButton onRemove={() => toggle(one)} removeButtonProps={{ "aria-label": `Without ${one.name}` }}>
              {one.name}
            </Pill>
          ))}
          <PillsInput.Field
            aria-label={label}
            placeholder={chosen.length > 0 ? "" : isKnownOnly ? "Name or username" : "Name, username or e-mail"}
            value={words}
            data-autofocus
            onChange={(event) => setWords(event.currentTarget.value)}
            onKeyDown={(event) => {
              const [first] = found;
              if (event.key === "Enter" && words !== "") {
                event.preventDefault();
                if (isAddress) toggle({ id: words.trim(), name: words.trim() });
                else if (first !== undefined && searched === words.trim() && !people.isPlaceholderData) toggle({ id: first.id, name: first.display_name });
              }
              if (event.key === "Backspace" && words === "" && chosen.length > 0) onChange(chosen.slice(0, -1));
            }}
          />
        </Pill.Group>
      </PillsInput>
      <ScrollArea h={280} mt="xs" type="auto">
        {isAddress && (
          <UnstyledButton className="chat-item" onClick={() => toggle({ id: words.trim(), name: words.trim() })}>
            <Text>Whoever has the address {words.trim()}</Text>
          </UnstyledButton>
        )}
        {found.map((person) => (
          <UnstyledButton key={person.id} className="chat-item" aria-pressed={isChosen(person.id)} onClick={() => toggle({ id: person.id, name: person.display_name })}>
            <PersonFace id={person.id} person={person} size={36} />
            <Box className="grow">
              <Text fw={600} truncate>
                {person.display_name}
              </Text>
              <Text size="sm" className="faint" truncate>
                @{person.username}
              </Text>
            </Box>
            {isChosen(person.id) && <CheckIcon size={14} />}
          </UnstyledButton>
        ))}
        {people.data !== undefined && found.length === 0 && !isAddress && (
          <Text p="md" c="dimmed" ta="center" size="sm">
            Nobody found{searched !== "" && ` for “${searched}”`}.
          </Text>
        )}
      </ScrollArea>
    </Box>
  );
}
