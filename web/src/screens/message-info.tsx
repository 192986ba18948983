/** How far a message of mine has come, person by person. */

import { Box, Center, Group, Loader, Modal, Stack, Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { type Chat, type Message, value } from "@carrier/client";
import { useEffect } from "react";

import { api } from "../carrier";
import { PersonFace } from "../parts/face";
import { brief } from "../parts/names";
import { Ticks } from "../parts/ticks";
import { allOf } from "../parts/when";
import { needPeople, usePerson } from "../state/people";
import { type Reach, useMe } from "../state/world";

const GROUPS: Array<[Reach, string]> = [
  ["read", "Read by"],
  ["delivered", "Delivered to"],
  ["sent", "Not delivered yet"],
];

export default function MessageInfo({ message, chat, onClose }: { message: Message; chat: Chat; onClose: () => void }) {
  const me = useMe();
  const marks = useQuery({
    // Asked again when somebody has gone further.
    queryKey: ["receipts", chat.id, message.id, chat.others.read_min, chat.others.delivered_min],
    queryFn: async () => value(await api.GET("/chats/{chat_id}/receipts", { params: { path: { chat_id: chat.id } } })).items,
  });
  const others = marks.data?.filter((one) => one.user_id !== me.id);
  useEffect(() => needPeople(others?.map((one) => one.user_id) ?? []), [others]);
  const reached = ({ read, delivered }: { read: number; delivered: number }): Reach => (read >= message.id ? "read" : delivered >= message.id ? "delivered" : "sent");
  return (
    <Modal opened onClose={onClose} title="Who has read it" centered>
      <Text size="sm" className="faint" lineClamp={2}>
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
      {GROUPS.map(([reach, title]) => {
        const these = others?.filter((one) => reached(one) === reach) ?? [];
        if (these.length === 0) return null;
        return (
          <Stack key={reach} gap="xs" mb="md">
            <Group gap={6}>
              <Ticks reach={reach} />
              <Text component="h2" size="sm" fw={650}>
                {title}
              </Text>
            </Group>
            <Box component="ul" className="members">
              {these.map((one) => (
                <Who key={one.user_id} id={one.user_id} />
              ))}
            </Box>
          </Stack>
        );
      })}
    </Modal>
  );
}

function Who({ id }: { id: string }) {
  const person = usePerson(id);
  return (
    <Group component="li" gap="sm" wrap="nowrap">
      <PersonFace id={id} size={32} />
      <Text truncate>{person?.display_name ?? "…"}</Text>
    </Group>
  );
}
