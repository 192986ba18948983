/** The group to which an invitation leads, and the button to join it. */

import type { components } from "@carrier/client";
import { Alert, Anchor, Button, Center, Loader, Stack, Text } from "@mantine/core";
import { useState } from "react";
import { Link, useLocation } from "wouter";

import { joinGroup, lookAtInvite } from "../actions/invites";
import { useForm } from "../hooks/use-form";
import { useRetry } from "../hooks/use-retry";
import { useNoSkeleton } from "../hooks/use-skeleton";
import { EntryFrame } from "../parts/entry-frame";
import { withFewMarks } from "../state/markdown";

type Preview = components["schemas"]["InvitePreview"];

export default function Join({ token }: { token: string }) {
  const [preview, setPreview] = useState<Preview | null>();
  const [, navigate] = useLocation();
  useNoSkeleton(true);
  useRetry(() => lookAtInvite(token).then(setPreview), token);
  const { errors, isBusy, onSubmit } = useForm(async () => {
    navigate(`/c/${await joinGroup(token)}`, { replace: true });
  });
  const footer = (
    <Anchor component={Link} href="/c">
      Back to my chats
    </Anchor>
  );
  if (preview === undefined) {
    return (
      <Center mih="100dvh">
        <Loader type="dots" aria-label="Loading" />
      </Center>
    );
  }
  if (preview === null) {
    return (
      <EntryFrame title="This invitation has ended" lead="Ask for another one." footer={footer}>
        {null}
      </EntryFrame>
    );
  }
  const { member_count, description, is_member } = preview;
  return (
    <EntryFrame
      title={withFewMarks(preview.name)}
      lead={member_count === 1 ? "1 member" : `${member_count} members`}
      footer={footer}
    >
      <form onSubmit={onSubmit}>
        <Stack>
          {description !== undefined && <Text dir="auto">{withFewMarks(description)}</Text>}
          {errors.form !== undefined && (
            <Alert color="red" variant="light" role="alert">
              {errors.form}
            </Alert>
          )}
          <Button type="submit" loading={isBusy} size="md">
            {is_member ? "Open the group" : "Join the group"}
          </Button>
        </Stack>
      </form>
    </EntryFrame>
  );
}
