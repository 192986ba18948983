import type { Chat, Message } from "@carrier/client";
import { Text, UnstyledButton } from "@mantine/core";
import { IconPin } from "@tabler/icons-react";
import { useState } from "react";

import { attempt } from "../actions/attempt";
import { jump } from "../actions/history";
import { fetchMessage } from "../actions/messages";
import { useRetry } from "../hooks/use-retry";
import { useWorld } from "../hooks/use-world";
import { knownMessage } from "../state/events";
import { brief } from "../state/names";

/** The newest pin of a chat, above its messages; a press brings the message on screen. */
export function PinnedBar({ chat }: { chat: Chat }) {
  const [newest] = chat.pinned_ids;
  if (newest === undefined) return null;
  return <Pinned key={newest} chat={chat.id} id={newest} count={chat.pinned_ids.length} />;
}

function Pinned({ chat, id, count }: { chat: string; id: number; count: number }) {
  const known = useWorld((now) => knownMessage(now, { chat_id: chat, id }));
  const [fetched, setFetched] = useState<Message>();
  const isKnown = known !== undefined;
  useRetry(
    () => (isKnown ? undefined : fetchMessage(chat, id).then(setFetched)),
    `${id} ${isKnown}`,
  );
  const message = known ?? fetched;
  return (
    <UnstyledButton className="pinned" onClick={() => void attempt(() => jump(chat, id))}>
      <IconPin size={17} color="var(--accent)" />
      <span className="grow">
        <Text span size="xs" fw={650} c="var(--accent)" display="block">
          {count === 1 ? "Pinned message" : `Newest of ${count} pinned messages`}
        </Text>
        <Text span size="sm" truncate className="faint" display="block" dir="auto">
          {message === undefined ? "…" : brief(message)}
        </Text>
      </span>
    </UnstyledButton>
  );
}
