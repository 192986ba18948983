import { Alert, Anchor, Button, PasswordInput, Stack, TextInput } from "@mantine/core";
import { Link } from "wouter";

import { signUp } from "../actions/session";
import { atMost } from "../hooks/bounds";
import { focusNow } from "../hooks/focus-now";
import { type Fields, useForm } from "../hooks/use-form";
import { useLimits } from "../hooks/use-world";
import { EntryFrame } from "../parts/entry-frame";

/** Keyboards of phones put a space behind a name that they complete. */
const submit = ({ username = "", email = "", password = "", display_name = "" }: Fields) => {
  const name = display_name.trim();
  return signUp({
    username: username.trim(),
    email: email.trim(),
    password,
    ...(name !== "" && { display_name: name }),
  });
};

export default function SignUp() {
  const limits = useLimits();
  const { errors, isBusy, onSubmit } = useForm(submit);
  const { fields } = errors;
  return (
    <EntryFrame
      title="Create account"
      lead="Choose a name, and you’re ready to chat."
      footer={
        <>
          Already have an account?{" "}
          <Anchor component={Link} href="/login">
            Log in
          </Anchor>
        </>
      }
    >
      <form onSubmit={onSubmit}>
        <Stack>
          {errors.form !== undefined && (
            <Alert color="red" variant="light" role="alert">
              {errors.form}
            </Alert>
          )}
          <TextInput
            name="display_name"
            label="Your name"
            description="This is how other people see you."
            autoComplete="name"
            {...atMost(limits.display_name)}
            ref={focusNow}
            error={fields.display_name}
          />
          <TextInput
            name="username"
            label="Username"
            autoComplete="username"
            autoCapitalize="none"
            minLength={limits.username_min}
            {...atMost(limits.username)}
            required
            error={fields.username}
          />
          <TextInput
            name="email"
            label="Email"
            type="email"
            autoComplete="email"
            {...atMost(limits.email)}
            required
            error={fields.email}
          />
          <PasswordInput
            name="password"
            label="Password"
            description={`At least ${limits.password_min} characters.`}
            autoComplete="new-password"
            minLength={limits.password_min}
            {...atMost(limits.password)}
            required
            error={fields.password}
          />
          <Button type="submit" loading={isBusy} size="md" mt="xs">
            Create account
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  );
}
