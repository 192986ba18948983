import { ActionIcon, Box, Group, Text } from "@mantine/core";
import { IconX } from "@tabler/icons-react";

import type { Target } from "../hooks/use-composer";
import { useWorld } from "../hooks/use-world";
import { isolated } from "../state/direction";
import { knownMessage } from "../state/events";
import { brief } from "../state/names";
import { nameOf } from "../state/people";

/** The message that is answered or edited, above the text. */
export function TargetBanner({ target, onCancel }: { target: Target; onCancel: () => void }) {
  const { type } = target;
  // It may be edited or deleted meanwhile, and a deleted text is shown nowhere.
  const message = useWorld((now) => knownMessage(now, target.message)) ?? target.message;
  return (
    <Group className="composer-target" wrap="nowrap">
      <Box className="grow">
        <Text size="xs" fw={650} c="var(--accent)" truncate>
          {type === "edit" ? "Edit message" : `Reply to ${isolated(nameOf(message.sender_id))}`}
        </Text>
        <Text size="sm" truncate className="name faint" dir="auto">
          {brief(message)}
        </Text>
      </Box>
      <ActionIcon variant="subtle" color="gray" aria-label="Cancel" onClick={onCancel}>
        <IconX size={18} />
      </ActionIcon>
    </Group>
  );
}
