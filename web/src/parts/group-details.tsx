/** The people of a group and their roles, its name and picture. */

import type { Chat } from "@carrier/client";
import { Box, Button, Group, Stack, Text, UnstyledButton } from "@mantine/core";
import { IconDoorExit, IconTrash, IconUserPlus } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useLocation } from "wouter";

import { deleteChat } from "../actions/chats";
import { addMember, loadMembers, removeMember } from "../actions/members";
import { useLimits, useMe, useWorld } from "../hooks/use-world";
import { withFewMarks } from "../state/markdown";
import { askToConfirm } from "../state/question";
import type { Member } from "../state/world";
import { Modal } from "./dialogs";
import { GroupForm } from "./group-form";
import { MemberRow } from "./member-row";
import { type Chosen, PeoplePicker } from "./people-picker";

export function GroupDetails({ chat }: { chat: Chat }) {
  const { id, name, description, member_count: count, my } = chat;
  const members = useWorld((world) => world.members[id]);
  const [isAdding, setAdding] = useState(false);
  const mayChange = my.role !== "member";
  useEffect(() => void loadMembers(id).catch(() => undefined), [id]);
  return (
    <Stack>
      {mayChange && <GroupForm key={`${name} ${description}`} chat={chat} />}
      {!mayChange && description !== undefined && (
        <Text className="pre clipped" dir="auto">
          {withFewMarks(description)}
        </Text>
      )}
      <Group justify="space-between">
        <Text component="h2" fw={650}>
          {count} {count === 1 ? "member" : "members"}
        </Text>
        {mayChange && (
          <Button
            size="compact-sm"
            variant="light"
            leftSection={<IconUserPlus size={15} />}
            onClick={() => setAdding(true)}
          >
            Add people
          </Button>
        )}
      </Group>
      <Box component="ul" className="members">
        {(members ?? chat.members).map((member) => (
          <MemberRow key={member.user_id} chat={chat} member={member} />
        ))}
      </Box>
      <Endings chat={chat} />
      {isAdding && (
        <AddPeople chat={chat} members={members ?? []} onClose={() => setAdding(false)} />
      )}
    </Stack>
  );
}

/** Leaves the group, or deletes it. */
function Endings({ chat }: { chat: Chat }) {
  const me = useMe();
  const [, navigate] = useLocation();
  const leave = async () => {
    if (chat.my.role === "owner" && chat.member_count > 1) {
      const isDeletion = await askToConfirm(
        "You own this group",
        "Before you leave, make another member the owner from their menu, or delete the group.",
        "Delete group…",
      );
      return isDeletion ? remove() : undefined;
    }
    const isConfirmed = await askToConfirm(
      "Leave this group?",
      "You won’t get its messages any more, unless someone adds you again.",
      "Leave",
    );
    if (isConfirmed && (await removeMember(chat.id, me.id))) navigate("/c", { replace: true });
  };
  const remove = async () => {
    const isConfirmed = await askToConfirm(
      "Delete this group?",
      "All of its messages will be deleted for everyone. This can’t be undone.",
      "Delete group",
    );
    if (isConfirmed && (await deleteChat(chat))) navigate("/c", { replace: true });
  };
  return (
    <>
      <Button
        variant="light"
        color="gray"
        leftSection={<IconDoorExit size={16} />}
        onClick={() => void leave()}
      >
        Leave group
      </Button>
      {chat.my.role === "owner" && (
        <Button
          variant="light"
          color="red"
          leftSection={<IconTrash size={16} />}
          onClick={() => void remove()}
        >
          Delete group
        </Button>
      )}
    </>
  );
}

interface AddPeopleProps {
  chat: Chat;
  members: readonly Member[];
  onClose: () => void;
}

function AddPeople({ chat, members, onClose }: AddPeopleProps) {
  const limits = useLimits();
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const add = async () => {
    for (const { id } of chosen) if (!(await addMember(chat.id, id))) return;
    onClose();
  };
  const isFull = chat.member_count + chosen.length > limits.members;
  return (
    <Modal onClose={onClose} title="Add people">
      <Stack>
        <PeoplePicker
          label="People to add"
          chosen={chosen}
          onChange={setChosen}
          isKnownOnly
          without={new Set(members.map((member) => member.user_id))}
        />
        <Button disabled={chosen.length === 0 || isFull} onClick={() => void add()}>
          Add
        </Button>
        <UnstyledButton className="link" onClick={onClose}>
          Cancel
        </UnstyledButton>
      </Stack>
    </Modal>
  );
}
