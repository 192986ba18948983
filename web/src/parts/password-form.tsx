import { Alert, Button, PasswordInput, Stack } from "@mantine/core";

import { changePassword } from "../actions/account";
import { notifySuccess } from "../actions/attempt";
import { atMost } from "../hooks/bounds";
import { useForm } from "../hooks/use-form";
import { useLimits } from "../hooks/use-world";

/** Changes my password. */
export function PasswordForm() {
  const limits = useLimits();
  const { errors, isBusy, onSubmit } = useForm(
    async ({ current_password = "", new_password = "" }, form) => {
      await changePassword({ current_password, new_password });
      form.reset();
      notifySuccess("Your password has been changed. You’ve been logged out everywhere else.");
    },
  );
  return (
    <form onSubmit={onSubmit}>
      <Stack>
        {errors.form !== undefined && (
          <Alert color="red" variant="light" role="alert">
            {errors.form}
          </Alert>
        )}
        <PasswordInput
          name="current_password"
          label="Current password"
          autoComplete="current-password"
          {...atMost(limits.password)}
          required
          error={errors.fields.current_password}
        />
        <PasswordInput
          name="new_password"
          label="New password"
          description={`At least ${limits.password_min} characters.`}
          autoComplete="new-password"
          minLength={limits.password_min}
          {...atMost(limits.password)}
          required
          error={errors.fields.new_password}
        />
        <Button type="submit" loading={isBusy}>
          Change password
        </Button>
      </Stack>
    </form>
  );
}
