/** The bubble of a message, with everything that can be done to it. */

import type { Message } from "@carrier/client";
import { Group, Text, UnstyledButton } from "@mantine/core";
import { IconRefresh } from "@tabler/icons-react";
import { lazy, type ReactNode, useMemo, useState } from "react";

import { attempt } from "../actions/attempt";
import { jump } from "../actions/history";
import { discard, discardForNow, retry } from "../actions/outbox";
import { useMessageNames } from "../hooks/use-message-names";
import { usePerson } from "../hooks/use-person";
import { useCalendar } from "../hooks/use-world";
import { type DeliveryState, deliveryState } from "../state/chats";
import { allOf, timeOf } from "../state/dates";
import { withFewMarks } from "../state/markdown";
import { nameOf } from "../state/people";
import type { ShownMessage } from "../state/rows";
import { Attachments } from "./attachments";
import { hueOf, PersonAvatar } from "./avatar";
import { LazyBoundary } from "./lazy-boundary";
import type { ComposerCommands, RowProps } from "./message-row";
import { Name } from "./name";
import { Reactions } from "./reactions";
import { RichText } from "./rich-text";
import { Ticks } from "./ticks";
import { offerUndo } from "./undo";

const MessageTools = lazy(() => import("./message-tools"));

type Props = RowProps & { isMine: boolean };

export function Bubble(props: Props) {
  const { message, chat, composer, isMine, startsRun, endsRun, isFocus } = props;
  const sender = usePerson(message.sender_id);
  const name = sender?.display_name ?? "…";
  const isOthers = chat.kind === "group" && !isMine;
  const isDeleted = message.deleted === true;
  // The tools are made when the pointer comes near: most messages are only scrolled past.
  const [isNear, setNear] = useState(false);
  const comeNear = () => setNear(true);
  const state =
    message.pending === true ? "sending" : deliveryState(message, chat.others, chat.saved);
  const foot = useMemo(
    () => <Footer key="foot" message={message} state={isMine ? state : undefined} />,
    [message, state, isMine],
  );
  const hasTools = isNear && message.pending === undefined && !isDeleted;
  return (
    <div className="line" data-mine={isMine || undefined} data-focus={isFocus || undefined}>
      {isOthers && (
        <div className="line-avatar">
          {endsRun && <PersonAvatar id={message.sender_id} size={32} />}
        </div>
      )}
      <article
        className="bubble message"
        data-mine={isMine || undefined}
        data-deleted={isDeleted || undefined}
        tabIndex={-1}
        aria-label={`${isMine ? "You" : name}, ${timeOf(message.created_at)}`}
        data-message={message.id}
        onPointerEnter={comeNear}
        onFocus={comeNear}
      >
        {isOthers && startsRun && (
          <Name size="sm" fw={650} style={hueOf(message.sender_id)} className="sender">
            {name}
          </Name>
        )}
        {isDeleted ? (
          <p className="text faint">This message was deleted{foot}</p>
        ) : (
          <Content message={message} foot={foot} />
        )}
        {hasTools && (
          <LazyBoundary isQuiet>
            <MessageTools message={message} chat={chat} composer={composer} isMine={isMine} />
          </LazyBoundary>
        )}
        {message.reactions !== undefined && !isDeleted && <Reactions message={message} />}
        {message.refused !== undefined && (
          <Refusal message={message} reason={message.refused} composer={composer} />
        )}
      </article>
    </div>
  );
}

function Content({ message, foot }: { message: ShownMessage; foot: ReactNode }) {
  const { chat_id, reply_to, subject, attachments, body } = message;
  const names = useMessageNames(message);
  return (
    <>
      {reply_to !== undefined && <Quote chat={chat_id} reply={reply_to} />}
      {subject !== undefined && (
        <Text fw={700} dir="auto" className="clipped">
          {withFewMarks(subject)}
        </Text>
      )}
      {attachments !== undefined && <Attachments message={message} files={attachments} />}
      {body === "" ? foot : <RichText text={body} names={names} foot={foot} />}
    </>
  );
}

interface FooterProps {
  message: ShownMessage;
  /** The delivery of a message of mine. */
  state: DeliveryState | "sending" | undefined;
}

function Footer({ message, state }: FooterProps) {
  useCalendar();
  const { edited_at, created_at, deleted: isDeleted = false, refused } = message;
  return (
    <span className="foot">
      {edited_at !== undefined && !isDeleted && (
        <span title={`Edited ${allOf(edited_at)}`}>edited</span>
      )}
      <time dateTime={created_at} dir="auto" title={allOf(created_at)}>
        {timeOf(created_at)}
      </time>
      {state !== undefined && !isDeleted && refused === undefined && <Ticks state={state} />}
    </span>
  );
}

function Quote({ chat, reply }: { chat: string; reply: NonNullable<Message["reply_to"]> }) {
  usePerson(reply.sender_id);
  return (
    <UnstyledButton className="quote" onClick={() => void attempt(() => jump(chat, reply.id))}>
      <Name component="span" size="xs" fw={650} display="block">
        {nameOf(reply.sender_id)}
      </Name>
      <Text span size="xs" lineClamp={2} dir="auto">
        {reply.preview === "" ? "Message deleted" : withFewMarks(reply.preview)}
      </Text>
    </UnstyledButton>
  );
}

interface RefusalProps {
  message: ShownMessage;
  reason: string;
  composer: ComposerCommands;
}

function Refusal({ message, reason, composer }: RefusalProps) {
  const id = message.client_id ?? "";
  const rewrite = () => {
    discard(id);
    composer.write(message.body);
  };
  const throwAway = () => offerUndo("The message is discarded.", discardForNow(id));
  return (
    <Group gap="xs" mt={4} role="alert">
      <Text size="xs" className="failed grow">
        Not sent: {reason}
      </Text>
      <UnstyledButton className="link" onClick={() => retry(id)}>
        <IconRefresh size={13} /> Try again
      </UnstyledButton>
      {message.body !== "" && (
        <UnstyledButton className="link" onClick={rewrite}>
          Edit
        </UnstyledButton>
      )}
      <UnstyledButton className="link" onClick={throwAway}>
        Discard
      </UnstyledButton>
    </Group>
  );
}
