/** The delivery of a message of mine, person by person. */

import type { Chat, components, Message } from "@carrier/client";
import { Box, Center, Group, Loader, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";

import { fetchReceipts } from "../actions/chats";
import { needPeople } from "../actions/people";
import { usePerson } from "../hooks/use-person";
import { useCalendar, useMe, useWorld } from "../hooks/use-world";
import type { DeliveryState } from "../state/chats";
import { allOf } from "../state/dates";
import { brief } from "../state/names";
import { PersonAvatar } from "./avatar";
import { Modal } from "./dialogs";
import { Name } from "./name";
import { Queries } from "./queries";
import { Ticks } from "./ticks";

type Receipt = components["schemas"]["MemberReceipt"];

const GROUPS: Array<[DeliveryState, string]> = [
  ["read", "Read by"],
  ["delivered", "Delivered to"],
  ["sent", "Not delivered yet"],
];

interface Props {
  message: Message;
  chat: Chat;
  onClose: () => void;
}

export default function MessageInfo(props: Props) {
  return (
    <Queries>
      <Info {...props} />
    </Queries>
  );
}

function Info({ message, chat, onClose }: Props) {
  useCalendar();
  const me = useMe();
  const receipts = useQuery({
    queryKey: ["receipts", chat.id, message.id],
    queryFn: () => fetchReceipts(chat.id),
  });
  const others = receipts.data?.filter((one) => one.user_id !== me.id);
  useEffect(() => needPeople(others?.map((one) => one.user_id) ?? []), [others]);
  // Events have told of what came later: it is not asked for again.
  const known = useWorld((world) => world.members[chat.id]);
  const { read_min, delivered_min } = chat.others;
  const stateOf = ({ user_id, read, delivered }: Receipt): DeliveryState => {
    const now = known?.find((one) => one.user_id === user_id);
    if (Math.max(read, now?.read ?? 0, read_min) >= message.id) return "read";
    const isDelivered = Math.max(delivered, now?.delivered ?? 0, delivered_min) >= message.id;
    return isDelivered ? "delivered" : "sent";
  };
  return (
    <Modal onClose={onClose} title="Who has read it">
      <Text size="sm" className="faint" lineClamp={2} dir="auto">
        {brief(message)}
      </Text>
      <Text size="xs" className="faint" mb="md">
        {allOf(message.created_at)}
      </Text>
      {others === undefined && (
        <Center>
          <Loader type="dots" aria-label="Loading" />
        </Center>
      )}
      {GROUPS.map(([state, title]) => {
        const group = others?.filter((one) => stateOf(one) === state) ?? [];
        if (group.length === 0) return null;
        return (
          <Stack key={state} gap="xs" mb="md">
            <Group gap={6}>
              <Ticks state={state} />
              <Text component="h2" size="sm" fw={650}>
                {title}
              </Text>
            </Group>
            <Box component="ul" className="members">
              {group.map((one) => (
                <Reader key={one.user_id} id={one.user_id} />
              ))}
            </Box>
          </Stack>
        );
      })}
    </Modal>
  );
}

function Reader({ id }: { id: string }) {
  const person = usePerson(id);
  return (
    <Group component="li" gap="sm" wrap="nowrap">
      <PersonAvatar id={id} size={32} />
      <Name>{person?.display_name ?? "…"}</Name>
    </Group>
  );
}
