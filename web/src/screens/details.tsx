/** What a chat is: its people and their roles, its name and picture; or the other person. */

import { ActionIcon, Badge, Box, Button, Drawer, FileButton, Group, Menu, Modal, Stack, Text, TextInput, Textarea, UnstyledButton } from "@mantine/core";
import { useQueryClient } from "@tanstack/react-query";
import { type Chat, value } from "@carrier/client";
import { IconBan, IconCamera, IconDots, IconDoorExit, IconTrash, IconUserPlus } from "@tabler/icons-react";
import { useEffect, useState } from "react";
import { useLocation } from "wouter";

import { api, carrier } from "../carrier";
import { ChatFace, PersonFace } from "../parts/face";
import { chatName } from "../parts/names";
import { type Chosen, PeoplePicker } from "../parts/people-picker";
import { sure } from "../parts/sure";
import { dateOf } from "../parts/when";
import { addMember, attempt, changeGroup, deleteChat, loadMembers, openChat, removeMember, setRole } from "../state/acts";
import { useBlocked } from "../state/blocked";
import { usePerson } from "../state/people";
import { type Member, putChat, useMe, useWorld } from "../state/world";

export default function Details({ chat, onClose }: { chat: Chat; onClose: () => void }) {
  const name = chatName(chat);
  return (
    <Drawer opened onClose={onClose} position="right" size={380} title={chat.kind === "group" ? "Group" : "Person"}>
      <Stack align="center" gap={4} mb="lg">
        <ChatFace chat={chat} size={96} />
        <Text fw={700} fz="xl" mt="xs" ta="center">
          {name}
        </Text>
        {chat.kind === "direct" && chat.peer !== undefined && <Text c="dimmed">@{chat.peer.username}</Text>}
      </Stack>
      {chat.kind === "group" ? <Group_ chat={chat} /> : <Person chat={chat} />}
    </Drawer>
  );
}

function Person({ chat }: { chat: Chat }) {
  const queries = useQueryClient();
  const peer = chat.peer;
  const blocked = useBlocked();
  if (peer === undefined) return null;
  const isBlocked = blocked.data?.some((person) => person.id === peer.id) === true;
  const toggle = () =>
    attempt(async () => {
      const params = { params: { path: { user_id: peer.id } } };
      value(isBlocked ? await api.DELETE("/users/me/blocks/{user_id}", params) : await api.PUT("/users/me/blocks/{user_id}", params));
      await queries.invalidateQueries({ queryKey: ["blocked"] });
    });
  return (
    <Stack>
      {peer.bio !== undefined && <Text className="pre">{peer.bio}</Text>}
      <Text size="sm" c="dimmed">
        Here since {dateOf(peer.created_at)}
      </Text>
      <Button variant="light" color={isBlocked ? "harbor" : "red"} leftSection={<IconBan size={16} />} onClick={() => void toggle()}>
        {isBlocked ? "Unblock" : "Block"}
      </Button>
      <Text size="xs" c="dimmed">
        Whoever is blocked cannot write to you here, and does not see whether you are online.
      </Text>
    </Stack>
  );
}

function Group_({ chat }: { chat: Chat }) {
  const me = useMe();
  const [, navigate] = useLocation();
  const members = useWorld((world) => world.members[chat.id]);
  const [isAdding, setAdding] = useState(false);
  const mayChange = chat.my.role !== "member";
  useEffect(() => void loadMembers(chat.id).catch(() => undefined), [chat.id]);
  const leave = async () => {
    if (!(await sure("Leave this group?", "You read nothing of it from then on, unless somebody adds you again.", "Leave"))) return;
    navigate("/c"); // what is left is not there any more
    await removeMember(chat.id, me.id);
  };
  const remove = async () => {
    if (!(await sure("Delete this group?", "All of its messages are gone, for everyone, and cannot be brought back.", "Delete the group"))) return;
    navigate("/c");
    await deleteChat(chat);
  };
  return (
    <Stack>
      {mayChange ? <Naming key={`${chat.name} ${chat.description}`} chat={chat} /> : chat.description !== undefined && <Text className="pre">{chat.description}</Text>}
      <Group justify="space-between">
        <Text component="h2" fw={650}>
          {chat.member_count} {chat.member_count === 1 ? "member" : "members"}
        </Text>
        {mayChange && (
          <Button size="compact-sm" variant="light" leftSection={<IconUserPlus size={15} />} onClick={() => setAdding(true)}>
            Add people
          </Button>
        )}
      </Group>
      <Box component="ul" className="members">
        {(members ?? chat.members).map((member) => (
          <MemberRow key={member.user_id} chat={chat} member={member} />
        ))}
      </Box>
      <Button variant="light" color="gray" leftSection={<IconDoorExit size={16} />} onClick={() => void leave()}>
        Leave the group
      </Button>
      {chat.my.role === "owner" && (
        <Button variant="light" color="red" leftSection={<IconTrash size={16} />} onClick={() => void remove()}>
          Delete the group
        </Button>
      )}
      {isAdding && <Adding chat={chat} members={members ?? []} onClose={() => setAdding(false)} />}
    </Stack>
  );
}

function Naming({ chat }: { chat: Chat }) {
  const [name, setName] = useState(chat.name ?? "");
  const [description, setDescription] = useState(chat.description ?? "");
  const isChanged = name.trim() !== (chat.name ?? "") || description.trim() !== (chat.description ?? "");
  const picture = (file: File | null) =>
    file !== null &&
    void attempt(async () => putChat(await carrier.setChatAvatar(chat.id, file)));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void changeGroup(chat, { name: name.trim(), description: description.trim() === "" ? (null as never) : description.trim() });
      }}
    >
      <Stack gap="sm">
        <TextInput label="Name of the group" maxLength={128} required value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <Textarea label="What it is about" autosize maxRows={5} maxLength={500} value={description} onChange={(event) => setDescription(event.currentTarget.value)} />
        <Group grow>
          <FileButton onChange={picture} accept="image/png,image/jpeg,image/webp,image/gif">
            {(props) => (
              <Button {...props} variant="default" leftSection={<IconCamera size={16} />}>
                Picture
              </Button>
            )}
          </FileButton>
          <Button type="submit" disabled={!isChanged}>
            Save
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function MemberRow({ chat, member }: { chat: Chat; member: Member }) {
  const me = useMe();
  const person = usePerson(member.user_id);
  const [, navigate] = useLocation();
  const isMe = member.user_id === me.id;
  const { role } = chat.my;
  const mayRemove = !isMe && (role === "owner" || (role === "admin" && member.role === "member"));
  const handOver = async () => {
    if (await sure("Hand the group over?", `${person?.display_name ?? "They"} will own it, and you will be an admin.`, "Hand over")) await setRole(chat.id, member.user_id, "owner");
  };
  const write = () => attempt(async () => navigate(`/c/${await openChat({ kind: "direct", members: [member.user_id] })}`));
  return (
    <Group component="li" wrap="nowrap" gap="sm">
      <PersonFace id={member.user_id} size={38} presence />
      <Box className="grow">
        <Text fw={600} truncate>
          {isMe ? "You" : (person?.display_name ?? "…")}
        </Text>
        <Text size="xs" className="faint">
          @{isMe ? me.username : person?.username}
        </Text>
      </Box>
      {member.role !== "member" && (
        <Badge variant="light" tt="none">
          {member.role}
        </Badge>
      )}
      {!isMe && (
        <Menu position="bottom-end">
          <Menu.Target>
            <ActionIcon variant="subtle" color="gray" aria-label={`What to do with ${person?.display_name ?? "them"}`}>
              <IconDots size={18} />
            </ActionIcon>
          </Menu.Target>
          <Menu.Dropdown>
            <Menu.Item onClick={() => void write()}>Write to them</Menu.Item>
            {role === "owner" && (
              <>
                <Menu.Item onClick={() => void setRole(chat.id, member.user_id, member.role === "admin" ? "member" : "admin")}>
                  {member.role === "admin" ? "No longer an admin" : "Make an admin"}
                </Menu.Item>
                <Menu.Item onClick={() => void handOver()}>Make the owner</Menu.Item>
              </>
            )}
            {mayRemove && (
              <Menu.Item c="var(--bad)" onClick={() => void removeMember(chat.id, member.user_id)}>
                Remove
              </Menu.Item>
            )}
          </Menu.Dropdown>
        </Menu>
      )}
    </Group>
  );
}

function Adding({ chat, members, onClose }: { chat: Chat; members: readonly Member[]; onClose: () => void }) {
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const add = async () => {
    for (const { id } of chosen) if (!(await addMember(chat.id, id))) return;
    onClose();
  };
  return (
    <Modal opened onClose={onClose} title="Add people" centered>
      <Stack>
        <PeoplePicker label="Whom?" chosen={chosen} onChange={setChosen} isKnownOnly without={new Set(members.map((member) => member.user_id))} />
        <Button disabled={chosen.length === 0} onClick={() => void add()}>
          Add
        </Button>
        <UnstyledButton className="link" onClick={onClose}>
          Never mind
        </UnstyledButton>
      </Stack>
    </Modal>
  );
}
