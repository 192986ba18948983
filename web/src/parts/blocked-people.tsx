import { Button, Group, Loader, Stack, Text } from "@mantine/core";

import { useBlockedPeople } from "../hooks/use-blocked-people";
import { PersonAvatar } from "./avatar";
import { LoadError } from "./load-error";
import { Name } from "./name";

/** The people I block. */
export function BlockedPeople() {
  const { people, error, reload, unblock } = useBlockedPeople();
  if (error !== undefined) return <LoadError error={error} onRetry={reload} />;
  if (people === undefined) return <Loader type="dots" />;
  if (people.length === 0) return <Text c="dimmed">You have not blocked anyone.</Text>;
  return (
    <Stack>
      {people.map((person) => (
        <Group key={person.id} wrap="nowrap" className="card">
          <PersonAvatar id={person.id} person={person} size={38} />
          <Name fw={600} className="grow">
            {person.display_name}
          </Name>
          <Button size="compact-sm" variant="light" onClick={() => void unblock(person.id)}>
            Unblock
          </Button>
        </Group>
      ))}
    </Stack>
  );
}
