import { ActionIcon, TextInput } from "@mantine/core";
import { IconX } from "@tabler/icons-react";

import { focusNow } from "../hooks/focus-now";
import { useLimits } from "../hooks/use-world";
import { excess } from "../state/characters";

interface Props {
  subject: string;
  /** `undefined`: the message has no subject. */
  onChange: (subject: string | undefined) => void;
}

/** The subject of the next message. */
export function SubjectField({ subject, onChange }: Props) {
  const limits = useLimits();
  return (
    <TextInput
      variant="unstyled"
      px="sm"
      fw={700}
      aria-label="Subject"
      placeholder="Subject"
      error={excess(subject.trim(), limits.subject)}
      ref={focusNow}
      value={subject}
      onChange={(event) => onChange(event.currentTarget.value)}
      rightSection={
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label="Remove the subject"
          onClick={() => onChange(undefined)}
        >
          <IconX size={16} />
        </ActionIcon>
      }
    />
  );
}
