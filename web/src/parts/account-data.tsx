import { Alert, Button, Group, PasswordInput, Stack, Text } from "@mantine/core";

import { eraseAccount } from "../actions/session";
import { atMost } from "../hooks/bounds";
import { useForm } from "../hooks/use-form";
import { useLimits } from "../hooks/use-world";

/** Exports my data, or deletes my account. */
export function AccountData() {
  const limits = useLimits();
  const { errors, isBusy, onSubmit } = useForm(async ({ password = "" }) => {
    await eraseAccount(password);
  });
  return (
    <Stack>
      <Text fw={600}>Export your data</Text>
      <Text size="sm" c="dimmed">
        Your account, your chats and all of their messages, as a JSON Lines file.
      </Text>
      <Button component="a" href="/v1/users/me/export" download="carrier.jsonl" variant="light">
        Download everything
      </Button>
      <Text fw={600} mt="lg">
        Delete your account
      </Text>
      <Alert color="red" variant="light">
        Your name, email address, picture and password will be deleted for good. Messages you have
        sent stay in their chats, as from a deleted account.
      </Alert>
      {errors.form !== undefined && (
        <Alert color="red" variant="light" role="alert">
          {errors.form}
        </Alert>
      )}
      <form onSubmit={onSubmit}>
        <Group align="flex-end">
          <PasswordInput
            className="grow"
            name="password"
            label="Your password"
            autoComplete="current-password"
            {...atMost(limits.password)}
            required
            error={errors.fields.password}
          />
          <Button type="submit" color="red.8" loading={isBusy}>
            Delete my account
          </Button>
        </Group>
      </form>
    </Stack>
  );
}
