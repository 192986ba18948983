import { Button, Center, Stack, Text, Title } from "@mantine/core";
import { Link } from "wouter";

/** Stands at an address that leads to nothing. */
export default function NotFound() {
  return (
    <Center component="main" mih="100dvh" p="lg">
      <Stack align="center" maw={420}>
        <Title order={1} fz="h3">
          Page not found
        </Title>
        <Text c="dimmed" ta="center">
          The address may be mistyped, or the link may be out of date.
        </Text>
        <Button component={Link} href="/">
          Go to the home page
        </Button>
      </Stack>
    </Center>
  );
}
