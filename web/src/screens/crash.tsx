import { Button, Center, Stack, Text, Title } from "@mantine/core";

import { useNoSkeleton } from "../hooks/use-skeleton";

/** Stands in the place of a page that has failed. */
export function Crash() {
  useNoSkeleton(true);
  return (
    <Center component="main" mih="100dvh" p="lg">
      <Stack align="center" maw={420} role="alert">
        <Title order={1} fz="h3">
          Something went wrong
        </Title>
        <Text c="dimmed" ta="center">
          Your drafts and unsent messages are safe. Reload the page to continue.
        </Text>
        <Button onClick={() => location.reload()}>Reload</Button>
      </Stack>
    </Center>
  );
}
