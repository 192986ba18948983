import {
  Alert,
  Button,
  FileButton,
  Group,
  PasswordInput,
  Stack,
  Switch,
  Textarea,
  TextInput,
} from "@mantine/core";
import { type FormEvent, useState } from "react";

import { changeProfile, removePicture, setPicture } from "../actions/account";
import { attempt, notifySuccess } from "../actions/attempt";
import { atMost } from "../hooks/bounds";
import { fieldsOf, useForm } from "../hooks/use-form";
import { usePictureLimit } from "../hooks/use-picture-limit";
import { useLimits, useMe } from "../hooks/use-world";
import { PICTURE_TYPES } from "../state/files";
import { askToConfirm } from "../state/question";
import { PersonAvatar } from "./avatar";

/** Changes my profile. */
export function ProfileForm() {
  const me = useMe();
  const address = me.email ?? "";
  const limits = useLimits();
  const [needsPassword, setNeedsPassword] = useState(false);
  const onInput = (event: FormEvent<HTMLFormElement>) => {
    const { username = "", email = "" } = fieldsOf(event.currentTarget);
    setNeedsPassword(username.trim() !== me.username || email.trim() !== address);
  };
  const { errors, isBusy, onSubmit } = useForm(async (fields) => {
    const { username = "", email = "", display_name = "", bio = "", current_password } = fields;
    await changeProfile({
      username: username.trim(),
      ...(email.trim() !== address && { email: email.trim() }),
      display_name: display_name.trim(),
      bio: bio.trim() === "" ? null : bio.trim(),
      found_by_email: fields.found_by_email !== undefined,
      ...(current_password !== undefined && { current_password }),
    });
    setNeedsPassword(false);
    notifySuccess("Your profile has been saved.");
  });
  return (
    <form onSubmit={onSubmit} onInput={onInput}>
      <Stack>
        <PictureButtons />
        {errors.form !== undefined && (
          <Alert color="red" variant="light" role="alert">
            {errors.form}
          </Alert>
        )}
        <TextInput
          name="display_name"
          label="Name"
          description="This is how other people see you."
          defaultValue={me.display_name}
          {...atMost(limits.display_name)}
          required
          error={errors.fields.display_name}
        />
        <TextInput
          name="username"
          label="Username"
          defaultValue={me.username}
          minLength={limits.username_min}
          {...atMost(limits.username)}
          autoCapitalize="none"
          required
          error={errors.fields.username}
        />
        <TextInput
          name="email"
          label="Email"
          type="email"
          defaultValue={address}
          {...atMost(limits.email)}
          required
          error={errors.fields.email}
        />
        <Switch
          name="found_by_email"
          label="People who know my email address can find me"
          defaultChecked={me.found_by_email}
        />
        <Textarea
          name="bio"
          label="About you"
          defaultValue={me.bio ?? ""}
          autosize
          minRows={2}
          maxRows={6}
          {...atMost(limits.bio)}
          error={errors.fields.bio}
        />
        {needsPassword && (
          <PasswordInput
            name="current_password"
            label="Your password"
            description="To change your username or email. You’ll be logged out everywhere else."
            autoComplete="current-password"
            {...atMost(limits.password)}
            required
            error={errors.fields.current_password}
          />
        )}
        <Button type="submit" loading={isBusy}>
          Save
        </Button>
      </Stack>
    </form>
  );
}

function PictureButtons() {
  const me = useMe();
  const choose = usePictureLimit((image) => void attempt(() => setPicture(image)));
  const remove = async () => {
    const isConfirmed = await askToConfirm(
      "Remove your picture?",
      "Other people will see your initials instead.",
      "Remove",
    );
    if (isConfirmed) await attempt(removePicture);
  };
  return (
    <Group>
      <PersonAvatar id={me.id} size={72} />
      <FileButton onChange={choose} accept={PICTURE_TYPES}>
        {(props) => (
          <Button {...props} variant="default">
            Choose picture
          </Button>
        )}
      </FileButton>
      {me.avatar_url !== undefined && (
        <Button variant="subtle" color="gray" onClick={() => void remove()}>
          Remove picture
        </Button>
      )}
    </Group>
  );
}
