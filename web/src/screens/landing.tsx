/** The front door. */

import { Anchor, Badge, Box, Button, Container, Group, SimpleGrid, Text, ThemeIcon, Title } from "@mantine/core";
import { IconBolt, IconCode, IconShieldCheck } from "@tabler/icons-react";
import { Link } from "wouter";

import { Logo } from "../parts/logo";

const PROMISES = [
  { icon: IconBolt, title: "Instant", text: "Conversations answer from memory, and everybody sees what happens as it happens." },
  { icon: IconShieldCheck, title: "Nothing is lost", text: "What was sent stays: through crashes, power cuts and years of silence." },
  { icon: IconCode, title: "Yours", text: "It runs on a server of your own, and all of it can be reached by an open API." },
];

export function Landing() {
  return (
    <Box className="landing">
      <Container size="lg" component="header" py="lg">
        <Group justify="space-between">
          <Group gap="sm">
            <Logo size={36} />
            <Text fw={700} fz="xl" lts="-0.02em">
              Carrier
            </Text>
          </Group>
          <Group gap="xs">
            <Button component="a" href="/docs" variant="subtle" visibleFrom="xs">
              API
            </Button>
            <Button component={Link} href="/login" variant="default">
              Log in
            </Button>
          </Group>
        </Group>
      </Container>
      <Container size="lg" component="main" pb={64}>
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing={64} verticalSpacing="xl" className="hero">
          <Box>
            <Badge variant="light" size="lg" tt="none" fw={500}>
              Self-hosted chat
            </Badge>
            <Title order={1} className="hero-title">
              Talk freely, on a server of your own.
            </Title>
            <Text fz="lg" c="dimmed" maw={480}>
              Messages that are there at once, and there for ever. For two people, or for a thousand.
            </Text>
            <Group mt="xl">
              <Button component={Link} href="/signup" size="lg">
                Make an account
              </Button>
              <Button component={Link} href="/login" size="lg" variant="light">
                Log in
              </Button>
            </Group>
          </Box>
          <Preview />
        </SimpleGrid>
        <SimpleGrid cols={{ base: 1, sm: 3 }} spacing="xl" mt={72}>
          {PROMISES.map(({ icon: Icon, title, text }) => (
            <Box key={title}>
              <ThemeIcon variant="light" size={44} radius="md">
                <Icon size={24} stroke={1.6} />
              </ThemeIcon>
              <Title order={2} fz="lg" mt="sm">
                {title}
              </Title>
              <Text c="dimmed">{text}</Text>
            </Box>
          ))}
        </SimpleGrid>
        <Text size="sm" c="dimmed" mt={72}>
          Building on it? <Anchor href="/docs">The API</Anchor> has everything that this page does.
        </Text>
      </Container>
    </Box>
  );
}

/** What a conversation looks like; a picture, so nobody is read it. */
function Preview() {
  return (
    <Box className="preview" aria-hidden>
      <div className="bubble">Did the boat get in?</div>
      <div className="bubble">The harbour is all fog here.</div>
      <div className="bubble mine">An hour ago. Everyone is dry, and hungry.</div>
      <div className="bubble">Soup is on. 🍲</div>
      <div className="bubble mine">You are the best.</div>
      <div className="preview-note">Read just now</div>
    </Box>
  );
}
