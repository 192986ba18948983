import { Box, Paper, Text, Title } from "@mantine/core";
import type { ReactNode } from "react";
import { Link } from "wouter";

import { Logo } from "./logo";

interface Props {
  title: string;
  lead: string;
  children: ReactNode;
  footer: ReactNode;
}

/** The card around the forms to log in and to sign up. */
export function EntryFrame({ title, lead, children, footer }: Props) {
  return (
    <Box component="main" className="entry">
      <Paper className="entry-card" radius="lg" p={{ base: "lg", sm: 36 }} shadow="xl" withBorder>
        <Link href="/" aria-label="Carrier home" className="plain">
          <Logo size={44} />
        </Link>
        <Title order={1} fz={26} mt="md">
          {title}
        </Title>
        <Text c="dimmed" mb="lg">
          {lead}
        </Text>
        {children}
        <Text mt="lg" ta="center" size="sm" c="dimmed">
          {footer}
        </Text>
      </Paper>
    </Box>
  );
}
