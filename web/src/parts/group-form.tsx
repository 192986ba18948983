import type { Chat } from "@carrier/client";
import { Alert, Button, FileButton, Group, Stack, Textarea, TextInput } from "@mantine/core";
import { IconCamera } from "@tabler/icons-react";
import { useState } from "react";

import { changeGroup, setGroupPicture } from "../actions/chats";
import { atMost } from "../hooks/bounds";
import { useForm } from "../hooks/use-form";
import { usePictureLimit } from "../hooks/use-picture-limit";
import { useLimits } from "../hooks/use-world";
import { PICTURE_TYPES } from "../state/files";

/** Changes the name, the description and the picture of a group. */
export function GroupForm({ chat }: { chat: Chat }) {
  const limits = useLimits();
  const [name, setName] = useState(chat.name ?? "");
  const [description, setDescription] = useState(chat.description ?? "");
  const isChanged =
    name.trim() !== (chat.name ?? "") || description.trim() !== (chat.description ?? "");
  const setPicture = usePictureLimit((image) => void setGroupPicture(chat, image));
  const { errors, isBusy, onSubmit } = useForm(() =>
    changeGroup(chat, { name: name.trim(), description: description.trim() || null }),
  );
  return (
    <form onSubmit={onSubmit}>
      <Stack gap="sm">
        {errors.form !== undefined && (
          <Alert color="red" variant="light" role="alert">
            {errors.form}
          </Alert>
        )}
        <TextInput
          name="name"
          label="Group name"
          {...atMost(limits.group_name)}
          required
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={errors.fields.name}
        />
        <Textarea
          name="description"
          label="Description"
          autosize
          maxRows={5}
          {...atMost(limits.description)}
          value={description}
          onChange={(event) => setDescription(event.currentTarget.value)}
          error={errors.fields.description}
        />
        <Group grow>
          <FileButton onChange={setPicture} accept={PICTURE_TYPES}>
            {(props) => (
              <Button {...props} variant="default" leftSection={<IconCamera size={16} />}>
                Picture
              </Button>
            )}
          </FileButton>
          <Button type="submit" disabled={!isChanged} loading={isBusy}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
