/** The first page of a stranger. */

import {
  Anchor,
  Badge,
  Box,
  Button,
  Container,
  Group,
  SimpleGrid,
  Text,
  ThemeIcon,
  Title,
} from "@mantine/core";
import { IconBolt, IconCode, IconShieldCheck } from "@tabler/icons-react";
import { Link } from "wouter";

import { Logo } from "../parts/logo";

const PROMISES = [
  {
    icon: IconBolt,
    title: "Instant",
    text: "Chats are served from memory, and everyone sees changes as they happen.",
  },
  {
    icon: IconShieldCheck,
    title: "Nothing is lost",
    text: "Messages survive crashes, power cuts and years of silence.",
  },
  {
    icon: IconCode,
    title: "Yours",
    text: "It runs on your own server, and your programs can do everything through its API.",
  },
];

export default function Landing() {
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
              Messages arrive at once and are kept for good. For two people, or for a thousand.
            </Text>
            <Group mt="xl">
              <Button component={Link} href="/signup" size="lg">
                Create account
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
          Building on it? <Anchor href="/docs">The API</Anchor> does everything this page does.
        </Text>
      </Container>
    </Box>
  );
}

/** A picture of a conversation; screen readers pass it over. */
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
