import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { Link } from "wouter";

import { logIn, wasEnded } from "../actions/session";
import { focusNow } from "../hooks/focus-now";
import { useForm } from "../hooks/use-form";
import { EntryFrame } from "../parts/entry-frame";

export default function LogIn() {
  const { errors, isBusy, onSubmit } = useForm(({ login = "", password = "" }) =>
    logIn(login, password),
  );
  return (
    <EntryFrame
      title="Welcome back"
      lead="Log in to continue."
      footer={
        <>
          New here?{" "}
          <Anchor component={Link} href="/signup">
            Create account
          </Anchor>
        </>
      }
    >
      <form onSubmit={onSubmit}>
        <Stack>
          {wasEnded() && errors.form === undefined && (
            <Alert color="harbor" variant="light">
              Your session has ended. Log in to continue. Unsent messages will be sent then.
            </Alert>
          )}
          {errors.form !== undefined && (
            <Alert color="red" variant="light" role="alert">
              {errors.form}
            </Alert>
          )}
          <TextInput
            name="login"
            label="Username or email"
            autoComplete="username"
            autoCapitalize="none"
            required
            ref={focusNow}
            error={errors.fields.login}
          />
          <PasswordInput
            name="password"
            label="Password"
            autoComplete="current-password"
            required
            error={errors.fields.password}
          />
          <Button type="submit" loading={isBusy} size="md" mt="xs">
            Log in
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  );
}
