/** The line below a chat's name: a typing, an unsent message, a draft, or the last message. */

import type { Chat, Message } from "@carrier/client";

import { usePerson } from "../hooks/use-person";
import { useSystemText } from "../hooks/use-system-text";
import { useMe, useOutbox, useWorld } from "../hooks/use-world";
import { deliveryState } from "../state/chats";
import { isolated } from "../state/direction";
import { readDraft } from "../state/drafts";
import { brief, oneLine } from "../state/names";
import { Ticks } from "./ticks";

export function ChatPreview({ chat }: { chat: Chat }) {
  const me = useMe();
  const typing = useWorld((world) => Object.keys(world.typing[chat.id] ?? {}).join());
  const unsent = useOutbox((pending) => pending.findLast((one) => one.chat === chat.id));
  if (typing !== "") return <Typing chat={chat} users={typing.split(",")} />;
  if (unsent !== undefined) {
    const isRefused = unsent.refused !== undefined;
    return (
      <>
        {isRefused ? <em className="failed">Not sent: </em> : <Ticks state="sending" />}
        <Line>{oneLine(unsent.message.body ?? "")}</Line>
      </>
    );
  }
  const draft = readDraft(me.id, chat.id);
  if (draft !== "") {
    return (
      <>
        <em className="draft">Draft: </em>
        <Line>{oneLine(draft)}</Line>
      </>
    );
  }
  return <LastMessage chat={chat} />;
}

function Typing({ chat, users }: { chat: Chat; users: string[] }) {
  const [first = ""] = users;
  const name = usePerson(first)?.display_name ?? "…";
  const inGroup = users.length > 1 ? "Several people are" : `${isolated(name)} is`;
  return (
    <em className="typing-word">{chat.kind === "direct" ? "typing…" : `${inGroup} typing…`}</em>
  );
}

function LastMessage({ chat }: { chat: Chat }) {
  const me = useMe();
  const last = chat.last_message;
  if (last === undefined) return chat.kind === "direct" ? "Say hello" : "New group";
  if (last.kind === "system") return <SystemText message={last} />;
  if (last.sender_id === me.id) {
    return (
      <>
        <Ticks state={deliveryState(last, chat.others, chat.saved)} />
        <Line>{brief(last)}</Line>
      </>
    );
  }
  return (
    <>
      {chat.kind === "group" && <Sender id={last.sender_id} />}
      <Line>{brief(last)}</Line>
    </>
  );
}

function Sender({ id }: { id: string }) {
  const name = usePerson(id)?.display_name ?? "…";
  return <span className="chat-sender">{isolated(name)}: </span>;
}

/** One line of what somebody wrote, from its beginning. */
function Line({ children }: { children: string }) {
  return (
    <span className="name line-of-text" dir="auto">
      {children}
    </span>
  );
}

function SystemText({ message }: { message: Message }) {
  return <Line>{useSystemText(message)}</Line>;
}
