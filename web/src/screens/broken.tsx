/** In the place of a page that has failed. */

import { Button, Center, Stack, Text, Title } from "@mantine/core";

export function Broken() {
  return (
    <Center mih="100dvh" p="lg">
      <Stack align="center" maw={420} role="alert">
        <Title order={1} fz="h3">
          Something went wrong
        </Title>
        <Text c="dimmed" ta="center">
          It is the page that failed. What you wrote is kept, and everything is there when it is loaded anew.
        </Text>
        <Button onClick={() => location.reload()}>Load it anew</Button>
      </Stack>
    </Center>
  );
}
