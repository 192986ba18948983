/** The details of a chat: the people and the settings of a group; or the other person. */

import type { Chat } from "@carrier/client";
import { Button, Stack, Text } from "@mantine/core";
import { IconBan } from "@tabler/icons-react";

import { useBlockedPeople } from "../hooks/use-blocked-people";
import { ChatAvatar } from "../parts/avatar";
import { Drawer } from "../parts/dialogs";
import { GroupDetails } from "../parts/group-details";
import { dateOf } from "../state/dates";
import { isolated } from "../state/direction";
import { withFewMarks } from "../state/markdown";
import { chatName } from "../state/names";
import { askToConfirm } from "../state/question";
import type { Profile } from "../state/world";

export default function Details({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const { kind, peer } = chat;
  const title = kind === "group" ? "Group" : "Person";
  return (
    <Drawer onClose={onClose} position="right" size={380} title={title}>
      <Stack align="center" gap={4} mb="lg">
        <ChatAvatar chat={chat} size={96} />
        <Text fw={700} fz="xl" mt="xs" ta="center" maw="100%" dir="auto" className="clipped">
          {chatName(chat)}
        </Text>
        {kind === "direct" && peer !== undefined && <Text c="dimmed">@{peer.username}</Text>}
      </Stack>
      {kind === "group" && <GroupDetails chat={chat} />}
      {kind === "direct" && peer !== undefined && <PersonDetails person={peer} />}
    </Drawer>
  );
}

function PersonDetails({ person }: { person: Profile }) {
  const { isBlocked, block, unblock } = useBlockedPeople();
  const isOut = isBlocked(person.id);
  const askToBlock = async () => {
    const isConfirmed = await askToConfirm(
      `Block ${isolated(person.display_name)}?`,
      "They won’t be able to message you, and they won’t be told.",
      "Block",
    );
    if (isConfirmed) await block(person.id);
  };
  return (
    <Stack>
      {person.bio !== undefined && (
        <Text className="pre clipped" dir="auto">
          {withFewMarks(person.bio)}
        </Text>
      )}
      <Text size="sm" c="dimmed">
        Joined on {dateOf(person.created_at)}
      </Text>
      <Button
        variant="light"
        color={isOut ? "harbor" : "red"}
        leftSection={<IconBan size={16} />}
        onClick={() => void (isOut ? unblock(person.id) : askToBlock())}
      >
        {isOut ? "Unblock" : "Block"}
      </Button>
      <Text size="xs" c="dimmed">
        People you block can’t message you or see when you’re online.
      </Text>
    </Stack>
  );
}
