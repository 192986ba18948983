import { Box, UnstyledButton } from "@mantine/core";
import type { ReactNode } from "react";

import type { Profile } from "../state/world";
import { PersonAvatar } from "./avatar";
import { Name } from "./name";

interface Props {
  person: Profile;
  size: number;
  "aria-pressed"?: boolean;
  onClick: () => void;
  /** Stands at the end of the row. */
  children?: ReactNode;
}

/** A person in a list, as a button. */
export function PersonItem({ person, size, children, ...button }: Props) {
  return (
    <UnstyledButton className="chat-item" {...button}>
      <PersonAvatar id={person.id} person={person} size={size} />
      <Box className="grow">
        <Name fw={600}>{person.display_name}</Name>
        <Name size="sm" className="faint">
          {`@${person.username}`}
        </Name>
      </Box>
      {children}
    </UnstyledButton>
  );
}
