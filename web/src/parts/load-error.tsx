import { Center, Stack, Text, UnstyledButton } from "@mantine/core";

import { reasonOf } from "../state/problems";

/** Stands in the place of what could not be loaded. */
export function LoadError({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <Center p="lg">
      <Stack align="center" gap={4} role="alert">
        <Text c="dimmed" size="sm" ta="center">
          {reasonOf(error)}
        </Text>
        <UnstyledButton className="link" onClick={onRetry}>
          Try again
        </UnstyledButton>
      </Stack>
    </Center>
  );
}
