/** The tools of a message: react, reply, and all else in a menu. */

import type { Chat, Message } from "@carrier/client";
import { ActionIcon, Group, Tooltip, UnstyledButton } from "@mantine/core";
import {
  IconArrowBackUp,
  IconCopy,
  IconDots,
  IconInfoCircle,
  IconMoodSmile,
  IconPencil,
  IconPin,
  IconPinnedOff,
  IconPlus,
  IconTrash,
  IconTrashX,
} from "@tabler/icons-react";
import { lazy, useState } from "react";

import { attempt } from "../actions/attempt";
import { deleteMessage, pinMessage, toggleReaction } from "../actions/messages";
import { askToConfirm } from "../state/question";
import { AnyEmoji } from "./any-emoji";
import { LazyBoundary } from "./lazy-boundary";
import type { ComposerCommands } from "./message-row";
import { Menu, Popover } from "./overlays";

const MessageInfo = lazy(() => import("./message-info"));

const FAVOURITES = ["👍", "❤️", "😂", "😮", "😢", "🎉", "🙏"];

interface Props {
  message: Message;
  chat: Chat;
  composer: ComposerCommands;
  isMine: boolean;
}

export default function MessageTools({ message, chat, composer, isMine }: Props) {
  const [opened, setOpened] = useState<"reactions" | "menu" | "info">();
  const dismiss = () => setOpened(undefined);
  const react = (emoji: string) => {
    dismiss();
    void toggleReaction(message, emoji);
  };
  return (
    <div className="tools" data-open={opened !== undefined || undefined}>
      <Popover
        opened={opened === "reactions"}
        onChange={(isOpen) => setOpened(isOpen ? "reactions" : undefined)}
        position="top"
        withinPortal
        trapFocus
        returnFocus
      >
        <Tooltip label="React">
          <Popover.Target>
            <ActionIcon
              variant="subtle"
              color="gray"
              size={26}
              aria-label="React"
              onClick={() => setOpened("reactions")}
            >
              <IconMoodSmile size={17} />
            </ActionIcon>
          </Popover.Target>
        </Tooltip>
        <Popover.Dropdown p={6}>
          <ReactionChoice onChoose={react} />
        </Popover.Dropdown>
      </Popover>
      <Tooltip label="Reply">
        <ActionIcon
          variant="subtle"
          color="gray"
          size={26}
          aria-label="Reply"
          onClick={() => composer.reply(message)}
        >
          <IconArrowBackUp size={17} />
        </ActionIcon>
      </Tooltip>
      <Menu
        opened={opened === "menu"}
        onChange={(isOpen) =>
          setOpened((now) => (isOpen ? "menu" : now === "menu" ? undefined : now))
        }
        position="bottom-end"
        withinPortal
      >
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size={26} aria-label="More">
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          <MessageMenuItems
            message={message}
            chat={chat}
            composer={composer}
            isMine={isMine}
            onInfo={() => setOpened("info")}
          />
        </Menu.Dropdown>
      </Menu>
      <LazyBoundary>
        {opened === "info" && <MessageInfo message={message} chat={chat} onClose={dismiss} />}
      </LazyBoundary>
    </div>
  );
}

function MessageMenuItems({
  message,
  chat,
  composer,
  isMine,
  onInfo,
}: Props & { onInfo: () => void }) {
  const mayDeleteForAll = isMine || (chat.kind === "group" && chat.my.role !== "member");
  const mayPin = chat.kind === "direct" || chat.my.role !== "member";
  const isPinned = chat.pinned_ids.includes(message.id);
  const copy = () => attempt(() => navigator.clipboard.writeText(message.body));
  const deleteForMe = async () => {
    const isConfirmed = await askToConfirm(
      "Delete this message for you?",
      "You won’t see it any more. Everyone else still will.",
      "Delete for me",
    );
    if (isConfirmed) await deleteMessage(message, "me");
  };
  const deleteForAll = async () => {
    const isConfirmed = await askToConfirm(
      "Delete this message?",
      "It will be deleted for everyone. This can’t be undone.",
      "Delete for everyone",
    );
    if (isConfirmed) await deleteMessage(message, "everyone");
  };
  return (
    <>
      {isMine && (
        <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => composer.edit(message)}>
          Edit
        </Menu.Item>
      )}
      {message.body !== "" && (
        <Menu.Item leftSection={<IconCopy size={16} />} onClick={() => void copy()}>
          Copy text
        </Menu.Item>
      )}
      {mayPin && (
        <Menu.Item
          leftSection={isPinned ? <IconPinnedOff size={16} /> : <IconPin size={16} />}
          onClick={() => void pinMessage(message, !isPinned)}
        >
          {isPinned ? "Unpin" : "Pin"}
        </Menu.Item>
      )}
      {isMine && (
        <Menu.Item leftSection={<IconInfoCircle size={16} />} onClick={onInfo}>
          Who has read it
        </Menu.Item>
      )}
      <Menu.Divider />
      <Menu.Item leftSection={<IconTrash size={16} />} onClick={() => void deleteForMe()}>
        Delete for me
      </Menu.Item>
      {mayDeleteForAll && (
        <Menu.Item
          c="var(--bad)"
          leftSection={<IconTrashX size={16} />}
          onClick={() => void deleteForAll()}
        >
          Delete for everyone
        </Menu.Item>
      )}
    </>
  );
}

/** The favourites; or all emoji there are. */
function ReactionChoice({ onChoose }: { onChoose: (emoji: string) => void }) {
  const [isAll, setAll] = useState(false);
  if (isAll) return <AnyEmoji onChoose={onChoose} />;
  return (
    <Group gap={2}>
      {FAVOURITES.map((emoji) => (
        <UnstyledButton
          key={emoji}
          className="emoji"
          aria-label={`React with ${emoji}`}
          onClick={() => onChoose(emoji)}
        >
          {emoji}
        </UnstyledButton>
      ))}
      <ActionIcon
        variant="subtle"
        color="gray"
        size={30}
        radius="xl"
        aria-label="More emoji"
        onClick={() => setAll(true)}
      >
        <IconPlus size={18} />
      </ActionIcon>
    </Group>
  );
}
