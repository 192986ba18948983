/** What can be done with a message: react, answer, and all else in a menu. */

import { ActionIcon, Center, Group, Loader, Menu, Popover, Tooltip, UnstyledButton } from "@mantine/core";
import { IconArrowBackUp, IconCopy, IconDots, IconInfoCircle, IconMoodSmile, IconPencil, IconPlus, IconTrash, IconTrashX } from "@tabler/icons-react";
import type { Chat, Message } from "@carrier/client";
import { lazy, useState } from "react";

import { attempt, deleteMessage, toggleReaction } from "../state/acts";
import type { Begin } from "./message";
import { Part } from "./part";
import { sure } from "./sure";

const EmojiPicker = lazy(() => import("./emoji-picker"));
const MessageInfo = lazy(() => import("../screens/message-info"));

const FAVOURITES = ["👍", "❤️", "😂", "😮", "😢", "🎉", "🙏"];

export function Tools({ message, chat, begin, isMine }: { message: Message; chat: Chat; begin: Begin; isMine: boolean }) {
  const [open, setOpen] = useState<"reactions" | "menu" | "info">();
  const close = () => setOpen(undefined);
  const mayDelete = isMine || (chat.kind === "group" && chat.my.role !== "member");
  const deleteForAll = async () => {
    if (await sure("Delete this message?", "It is gone for everyone, and cannot be brought back.", "Delete for everyone")) await deleteMessage(message, "everyone");
  };
  return (
    <div className="tools" data-open={open !== undefined || undefined}>
      <Popover opened={open === "reactions"} onChange={(opened) => setOpen(opened ? "reactions" : undefined)} position="top" withinPortal trapFocus returnFocus>
        <Tooltip label="React">
          <Popover.Target>
            <ActionIcon variant="subtle" color="gray" size="sm" aria-label="React" onClick={() => setOpen("reactions")}>
              <IconMoodSmile size={17} />
            </ActionIcon>
          </Popover.Target>
        </Tooltip>
        <Popover.Dropdown p={6}>
          <Reactions
            onChoose={(emoji) => {
              close();
              void toggleReaction(message, emoji);
            }}
          />
        </Popover.Dropdown>
      </Popover>
      <Tooltip label="Reply">
        <ActionIcon variant="subtle" color="gray" size="sm" aria-label="Reply" onClick={() => begin.reply(message)}>
          <IconArrowBackUp size={17} />
        </ActionIcon>
      </Tooltip>
      <Menu opened={open === "menu"} onChange={(opened) => setOpen((now) => (opened ? "menu" : now === "menu" ? undefined : now))} position="bottom-end" withinPortal>
        <Menu.Target>
          <ActionIcon variant="subtle" color="gray" size="sm" aria-label="More">
            <IconDots size={17} />
          </ActionIcon>
        </Menu.Target>
        <Menu.Dropdown>
          {isMine && (
            <Menu.Item leftSection={<IconPencil size={16} />} onClick={() => begin.edit(message)}>
              Edit
            </Menu.Item>
          )}
          {message.body !== "" && (
            <Menu.Item leftSection={<IconCopy size={16} />} onClick={() => void attempt(() => navigator.clipboard.writeText(message.body))}>
              Copy text
            </Menu.Item>
          )}
          {isMine && (
            <Menu.Item leftSection={<IconInfoCircle size={16} />} onClick={() => setOpen("info")}>
              Who has read it
            </Menu.Item>
          )}
          <Menu.Divider />
          <Menu.Item leftSection={<IconTrash size={16} />} onClick={() => void deleteMessage(message, "me")}>
            Delete for me
          </Menu.Item>
          {mayDelete && (
            <Menu.Item c="var(--bad)" leftSection={<IconTrashX size={16} />} onClick={() => void deleteForAll()}>
              Delete for everyone
            </Menu.Item>
          )}
        </Menu.Dropdown>
      </Menu>
      <Part>{open === "info" && <MessageInfo message={message} chat={chat} onClose={close} />}</Part>
    </div>
  );
}

/** The ones that are wanted most; or all there are. */
function Reactions({ onChoose }: { onChoose: (emoji: string) => void }) {
  const [isAll, setAll] = useState(false);
  if (isAll) {
    return (
      <Part instead={<Waiting />}>
        <EmojiPicker onChoose={onChoose} />
      </Part>
    );
  }
  return (
    <Group gap={2}>
      {FAVOURITES.map((emoji) => (
        <UnstyledButton key={emoji} className="emoji" aria-label={`React with ${emoji}`} onClick={() => onChoose(emoji)}>
          {emoji}
        </UnstyledButton>
      ))}
      <ActionIcon variant="subtle" color="gray" size={30} radius="xl" aria-label="Any other emoji" onClick={() => setAll(true)}>
        <IconPlus size={18} />
      </ActionIcon>
    </Group>
  );
}

export const Waiting = () => (
  <Center className="emoji-picker">
    <Loader type="dots" aria-label="Loading" />
  </Center>
);
