/** Sign up and log in. */

import { Alert, Anchor, Box, Button, Paper, PasswordInput, Stack, Text, TextInput, Title } from "@mantine/core";
import { CarrierError } from "@carrier/client";
import { type FormEvent, type ReactNode, useState } from "react";
import { Link } from "wouter";

import { reason } from "../carrier";
import { Logo } from "../parts/logo";
import { logIn, signUp, wasEnded } from "../state/session";

type Refusal = { of: Record<string, string>; all?: string };

/** What a form says of a refusal: beside the fields that it is about, or above all. */
function refusal(error: unknown): Refusal {
  const fields = error instanceof CarrierError ? (error.problem.errors ?? []) : [];
  const of = Object.fromEntries(fields.map(({ field, detail }) => [field, detail]));
  if (error instanceof CarrierError && error.problem.code === "username_taken") of["username"] = "This name is taken";
  if (error instanceof CarrierError && error.problem.code === "email_taken") of["email"] = "This address has an account already";
  return Object.keys(of).length > 0 ? { of } : { of, all: reason(error) };
}

function useForm(submit: (fields: Record<string, string>) => Promise<void>) {
  const [refused, setRefused] = useState<Refusal>({ of: {} });
  const [busy, setBusy] = useState(false);
  const onSubmit = async (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const fields = Object.fromEntries([...new FormData(event.currentTarget)].map(([name, value]) => [name, String(value)]));
    setBusy(true);
    try {
      await submit(fields);
    } catch (error) {
      setRefused(refusal(error));
      setBusy(false);
    }
  };
  return { refused, busy, onSubmit };
}

function Frame({ title, lead, children, foot }: { title: string; lead: string; children: ReactNode; foot: ReactNode }) {
  return (
    <Box component="main" className="entrance">
      <Paper className="entrance-card" radius="lg" p={{ base: "lg", sm: 36 }} shadow="xl" withBorder>
        <Link href="/" aria-label="Carrier, to the first page" className="plain">
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
          {foot}
        </Text>
      </Paper>
    </Box>
  );
}

export function LogIn() {
  const { refused, busy, onSubmit } = useForm(({ login = "", password = "" }) => logIn(login, password));
  return (
    <Frame
      title="Welcome back"
      lead="Log in to go on where you were."
      foot={
        <>
          New here?{" "}
          <Anchor component={Link} href="/signup">
            Make an account
          </Anchor>
        </>
      }
    >
      <form onSubmit={(event) => void onSubmit(event)}>
        <Stack>
          {wasEnded() && refused.all === undefined && (
            <Alert color="harbor" variant="light">
              Your session has ended. Log in to go on; what was not sent yet is sent then.
            </Alert>
          )}
          {refused.all !== undefined && (
            <Alert color="red" variant="light" role="alert">
              {refused.all}
            </Alert>
          )}
          <TextInput name="login" label="Username or e-mail" autoComplete="username" autoCapitalize="none" required autoFocus error={refused.of["login"]} />
          <PasswordInput name="password" label="Password" autoComplete="current-password" required error={refused.of["password"]} />
          <Button type="submit" loading={busy} size="md" mt="xs">
            Log in
          </Button>
        </Stack>
      </form>
    </Frame>
  );
}

export function SignUp() {
  const { refused, busy, onSubmit } = useForm(({ username = "", email = "", password = "", display_name = "" }) =>
    signUp({ username, email, password, ...(display_name.trim() !== "" && { display_name: display_name.trim() }) }),
  );
  const { of } = refused;
  return (
    <Frame
      title="Make an account"
      lead="It takes a name, an address and a password."
      foot={
        <>
          You have one?{" "}
          <Anchor component={Link} href="/login">
            Log in
          </Anchor>
        </>
      }
    >
      <form onSubmit={(event) => void onSubmit(event)}>
        <Stack>
          {refused.all !== undefined && (
            <Alert color="red" variant="light" role="alert">
              {refused.all}
            </Alert>
          )}
          <TextInput name="display_name" label="Your name" description="As others see it" autoComplete="name" maxLength={64} autoFocus error={of["display_name"]} />
          <TextInput name="username" label="Username" autoComplete="username" autoCapitalize="none" minLength={3} maxLength={32} required error={of["username"]} />
          <TextInput name="email" label="E-mail" type="email" autoComplete="email" required error={of["email"]} />
          <PasswordInput name="password" label="Password" description="Eight characters or more" autoComplete="new-password" minLength={8} required error={of["password"]} />
          <Button type="submit" loading={busy} size="md" mt="xs">
            Sign up
          </Button>
        </Stack>
      </form>
    </Frame>
  );
}
