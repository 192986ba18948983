import { Avatar, Paper, UnstyledButton } from "@mantine/core";
import { IconUsers } from "@tabler/icons-react";

import { nameOf, type Suggestion } from "../hooks/use-suggestions";
import { ALL } from "../state/mention";
import type { Profile } from "../state/world";
import { PersonAvatar } from "./avatar";
import { Name } from "./name";

interface Props {
  /** The id of the list; those of its options begin with it. */
  id: string;
  shown: readonly Suggestion[];
  /** The index of the one that Enter takes. */
  choice: number;
  onChoose: (username: string) => void;
}

/** Returns what tells of the list, and of its chosen option, at the field that has the focus. */
export const listOf = (id: string, { shown, choice }: Pick<Props, "shown" | "choice">) =>
  shown.length === 0
    ? {}
    : {
        "aria-controls": id,
        "aria-activedescendant": `${id}-${choice}`,
        "aria-haspopup": "listbox" as const,
      };

/** The people to mention, above the text. */
export function MentionSuggestions({ id, shown, choice, onChoose }: Props) {
  if (shown.length === 0) return null;
  return (
    <Paper
      id={id}
      className="suggestions"
      withBorder
      shadow="md"
      role="listbox"
      aria-label="People to mention"
    >
      {shown.map((one, index) => (
        <UnstyledButton
          key={one === ALL ? ALL : one.id}
          id={`${id}-${index}`}
          className="suggestion"
          role="option"
          tabIndex={-1}
          aria-selected={index === choice}
          onMouseDown={(event) => {
            event.preventDefault(); // the text keeps its focus
            onChoose(nameOf(one));
          }}
        >
          {one === ALL ? <Everyone /> : <Person person={one} />}
        </UnstyledButton>
      ))}
    </Paper>
  );
}

function Everyone() {
  return (
    <>
      <Avatar className="avatar" size={26} radius={26} aria-hidden>
        <IconUsers size={16} />
      </Avatar>
      <Name component="span" size="sm" fw={600}>
        @all
      </Name>
      <Name component="span" size="sm" className="faint">
        Mention everyone in this group
      </Name>
    </>
  );
}

function Person({ person }: { person: Profile }) {
  return (
    <>
      <PersonAvatar id={person.id} size={26} />
      <Name component="span" size="sm" fw={600}>
        {person.display_name}
      </Name>
      <Name component="span" size="sm" className="faint">
        {`@${person.username}`}
      </Name>
    </>
  );
}
