/** In the place of what could not be loaded. */

import { Center, Stack, Text, UnstyledButton } from "@mantine/core";

import { reason } from "../carrier";

export function Failed({ error, onRetry }: { error: unknown; onRetry: () => void }) {
  return (
    <Center p="lg">
      <Stack align="center" gap={4} role="alert">
        <Text c="dimmed" size="sm" ta="center">
          {reason(error)}
        </Text>
        <UnstyledButton className="link" onClick={onRetry}>
          Try again
        </UnstyledButton>
      </Stack>
    </Center>
  );
}
