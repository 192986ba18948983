import type { Chat } from "@carrier/client";
import { ActionIcon, Badge, Box, Group } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";
import { useLocation } from "wouter";

import { attempt } from "../actions/attempt";
import { openChat } from "../actions/chats";
import { removeMember, setRole } from "../actions/members";
import { usePerson } from "../hooks/use-person";
import { useMe } from "../hooks/use-world";
import { isolated } from "../state/direction";
import { askToConfirm } from "../state/question";
import type { Member } from "../state/world";
import { PersonAvatar } from "./avatar";
import { Name } from "./name";
import { Menu } from "./overlays";

interface Props {
  chat: Chat;
  member: Member;
}

/** A member of a group, with what can be done about them. */
export function MemberRow({ chat, member }: Props) {
  const me = useMe();
  const person = usePerson(member.user_id);
  const isMe = member.user_id === me.id;
  return (
    <Group component="li" wrap="nowrap" gap="sm">
      <PersonAvatar id={member.user_id} size={38} presence />
      <Box className="grow">
        <Name fw={600}>{isMe ? "You" : (person?.display_name ?? "…")}</Name>
        <Name size="xs" className="faint">
          {`@${(isMe ? me : person)?.username ?? ""}`}
        </Name>
      </Box>
      {member.role !== "member" && (
        <Badge variant="light" tt="none">
          {member.role}
        </Badge>
      )}
      {!isMe && <MemberMenu chat={chat} member={member} name={person?.display_name} />}
    </Group>
  );
}

function MemberMenu({ chat, member, name }: Props & { name: string | undefined }) {
  const [, navigate] = useLocation();
  const { user_id } = member;
  const { role } = chat.my;
  const isAdmin = member.role === "admin";
  const mayRemove = role === "owner" || (role === "admin" && member.role === "member");
  const openDirect = () =>
    attempt(async () => navigate(`/c/${await openChat({ kind: "direct", members: [user_id] })}`));
  const handOver = async () => {
    const isConfirmed = await askToConfirm(
      "Hand over the group?",
      `${isolated(name ?? "This member")} will become its owner, and you will become an admin.`,
      "Hand over",
    );
    if (isConfirmed) await setRole(chat.id, user_id, "owner");
  };
  const remove = async () => {
    const isConfirmed = await askToConfirm(
      "Remove this member?",
      `${isolated(name ?? "This member")} won’t get new messages from this group.`,
      "Remove",
    );
    if (isConfirmed) await removeMember(chat.id, user_id);
  };
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon
          variant="subtle"
          color="gray"
          aria-label={`Options for ${isolated(name ?? "this member")}`}
        >
          <IconDots size={18} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item onClick={() => void openDirect()}>Send a message</Menu.Item>
        {role === "owner" && (
          <>
            <Menu.Item onClick={() => void setRole(chat.id, user_id, isAdmin ? "member" : "admin")}>
              {isAdmin ? "Remove as admin" : "Make admin"}
            </Menu.Item>
            <Menu.Item onClick={() => void handOver()}>Make owner</Menu.Item>
          </>
        )}
        {mayRemove && (
          <Menu.Item c="var(--bad)" onClick={() => void remove()}>
            Remove from the group
          </Menu.Item>
        )}
      </Menu.Dropdown>
    </Menu>
  );
}
