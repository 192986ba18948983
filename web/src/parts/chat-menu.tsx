/** What can be done with a chat, from its head and from the list. */

import { Menu } from "@mantine/core";
import { IconArchive, IconBell, IconBellOff, IconEraser, IconEyeOff, IconInfoCircle, IconMail, IconMailOpened, IconPin, IconPinnedOff, IconSearch } from "@tabler/icons-react";
import type { Chat } from "@carrier/client";
import { useLocation } from "wouter";

import { clearChat, deleteChat, prefer } from "../state/acts";
import { readAll } from "../state/receipts";
import { searchIn } from "../state/search";
import { isMuted, isUnread } from "../state/world";
import { sure } from "./sure";

const HOUR_MS = 3_600_000;
const MUTES: Array<[string, number]> = [
  ["For an hour", HOUR_MS],
  ["For eight hours", 8 * HOUR_MS],
  ["For a week", 168 * HOUR_MS],
  ["Until I say so", 1_500_000 * HOUR_MS],
];

export function ChatMenuItems({ chat, onDetails }: { chat: Chat; onDetails?: () => void }) {
  const [, navigate] = useLocation();
  const { preferences } = chat;
  const unread = isUnread(chat);
  const search = () => {
    if (matchMedia("(max-width: 48em)").matches) navigate("/c"); // where the field is
    searchIn(chat.id);
  };
  const clear = async () => {
    if (await sure("Clear this chat?", "All of its messages are gone from your view. The others keep them.", "Clear")) await clearChat(chat);
  };
  const hide = async () => {
    if (location.pathname === `/c/${chat.id}`) navigate("/c");
    await deleteChat(chat);
  };
  return (
    <>
      {onDetails !== undefined && (
        <Menu.Item leftSection={<IconInfoCircle size={16} />} onClick={onDetails}>
          Details
        </Menu.Item>
      )}
      <Menu.Item leftSection={<IconSearch size={16} />} onClick={search}>
        Search in this chat
      </Menu.Item>
      <Menu.Item leftSection={preferences.pinned ? <IconPinnedOff size={16} /> : <IconPin size={16} />} onClick={() => void prefer(chat, { pinned: !preferences.pinned })}>
        {preferences.pinned ? "Unpin" : "Pin"}
      </Menu.Item>
      {isMuted(chat) ? (
        <Menu.Item leftSection={<IconBell size={16} />} onClick={() => void prefer(chat, { muted_until: null })}>
          Unmute
        </Menu.Item>
      ) : (
        <Menu.Sub>
          <Menu.Sub.Target>
            <Menu.Sub.Item leftSection={<IconBellOff size={16} />}>Mute</Menu.Sub.Item>
          </Menu.Sub.Target>
          <Menu.Sub.Dropdown>
            {MUTES.map(([label, ms]) => (
              <Menu.Item key={label} onClick={() => void prefer(chat, { muted_until: new Date(Date.now() + ms).toISOString() })}>
                {label}
              </Menu.Item>
            ))}
          </Menu.Sub.Dropdown>
        </Menu.Sub>
      )}
      <Menu.Item leftSection={<IconArchive size={16} />} onClick={() => void prefer(chat, { archived: !preferences.archived })}>
        {preferences.archived ? "Take out of the archive" : "Archive"}
      </Menu.Item>
      {unread ? (
        <Menu.Item leftSection={<IconMailOpened size={16} />} onClick={() => readAll(chat)}>
          Mark as read
        </Menu.Item>
      ) : (
        <Menu.Item leftSection={<IconMail size={16} />} onClick={() => void prefer(chat, { marked_unread: true })}>
          Mark as unread
        </Menu.Item>
      )}
      <Menu.Divider />
      <Menu.Item c="var(--bad)" leftSection={<IconEraser size={16} />} onClick={() => void clear()}>
        Clear for me
      </Menu.Item>
      {chat.kind === "direct" && (
        <Menu.Item leftSection={<IconEyeOff size={16} />} onClick={() => void hide()}>
          Hide until the next message
        </Menu.Item>
      )}
    </>
  );
}
