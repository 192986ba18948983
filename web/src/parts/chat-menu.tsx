/** The menu of a chat, in its header and in the list. */

import type { Chat } from "@carrier/client";
import {
  IconArchive,
  IconBell,
  IconBellOff,
  IconEraser,
  IconEyeOff,
  IconInfoCircle,
  IconMail,
  IconMailOpened,
  IconPin,
  IconPinnedOff,
  IconSearch,
} from "@tabler/icons-react";
import { useState } from "react";
import { useLocation } from "wouter";

import { clearChat, deleteChat, setPreferences } from "../actions/chats";
import { markAllRead } from "../actions/receipts";
import { focusNow } from "../hooks/focus-now";
import { searchIn } from "../hooks/search-field";
import { isPhone } from "../hooks/use-phone";
import { isMuted, isUnread } from "../state/chats";
import { askToConfirm } from "../state/question";
import { ChatMenuIcon } from "./menu-buttons";
import { Menu } from "./overlays";
import { offerUndo } from "./undo";

const HOUR_MS = 3_600_000;
const MUTES: Array<[label: string, ms: number]> = [
  ["For an hour", HOUR_MS],
  ["For eight hours", 8 * HOUR_MS],
  ["For a week", 168 * HOUR_MS],
  ["Until I turn it back on", 1_500_000 * HOUR_MS],
];

interface Props {
  chat: Chat;
  onDetails: () => void;
  isOpenAtFirst: boolean;
}

export default function ChatMenu({ isOpenAtFirst, ...items }: Props) {
  return (
    <Menu defaultOpened={isOpenAtFirst} position="bottom-end" width={250}>
      <Menu.Target>
        <ChatMenuIcon />
      </Menu.Target>
      <Menu.Dropdown>
        <ChatMenuItems {...items} />
      </Menu.Dropdown>
    </Menu>
  );
}

export function ChatMenuItems({ chat, onDetails }: { chat: Chat; onDetails?: () => void }) {
  const [path, navigate] = useLocation();
  const [isMuting, setMuting] = useState(false);
  const { preferences } = chat;
  const search = () => {
    if (isPhone()) navigate("/c", { replace: true }); // the field is there
    searchIn(chat.id);
  };
  const clear = async () => {
    const isConfirmed = await askToConfirm(
      "Clear this chat?",
      "All of its messages will be removed for you. Other members keep them.",
      "Clear",
    );
    if (isConfirmed) await clearChat(chat);
  };
  const archive = async (archived: boolean) => {
    if (!(await setPreferences(chat, { archived })) || !archived) return;
    offerUndo("Chat archived.", () => void archive(false));
  };
  const hide = async () => {
    const isConfirmed = await askToConfirm(
      "Hide this chat?",
      "It leaves your list until its next message comes.",
      "Hide",
    );
    if (!isConfirmed) return;
    if (path === `/c/${chat.id}`) navigate("/c", { replace: true });
    await deleteChat(chat);
  };
  if (isMuting) return <MuteTimes chat={chat} />;
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
      <Menu.Item
        leftSection={preferences.pinned ? <IconPinnedOff size={16} /> : <IconPin size={16} />}
        onClick={() => void setPreferences(chat, { pinned: !preferences.pinned })}
      >
        {preferences.pinned ? "Unpin" : "Pin"}
      </Menu.Item>
      <MuteItem chat={chat} onAsk={() => setMuting(true)} />
      <Menu.Item
        leftSection={<IconArchive size={16} />}
        onClick={() => void archive(!preferences.archived)}
      >
        {preferences.archived ? "Unarchive" : "Archive"}
      </Menu.Item>
      {isUnread(chat) ? (
        <Menu.Item leftSection={<IconMailOpened size={16} />} onClick={() => markAllRead(chat)}>
          Mark as read
        </Menu.Item>
      ) : (
        <Menu.Item
          leftSection={<IconMail size={16} />}
          onClick={() => void setPreferences(chat, { marked_unread: true })}
        >
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

function MuteItem({ chat, onAsk }: { chat: Chat; onAsk: () => void }) {
  if (!isMuted(chat))
    return (
      <Menu.Item leftSection={<IconBellOff size={16} />} closeMenuOnClick={false} onClick={onAsk}>
        Mute…
      </Menu.Item>
    );
  return (
    <Menu.Item
      leftSection={<IconBell size={16} />}
      onClick={() => void setPreferences(chat, { muted_until: null })}
    >
      Unmute
    </Menu.Item>
  );
}

/** For how long, in the place of all else: a menu beside this one has no room on a phone. */
function MuteTimes({ chat }: { chat: Chat }) {
  const mute = (ms: number) =>
    setPreferences(chat, { muted_until: new Date(Date.now() + ms).toISOString() });
  return (
    <>
      <Menu.Label>Mute</Menu.Label>
      {MUTES.map(([label, ms], at) => (
        <Menu.Item key={label} {...(at === 0 && { ref: focusNow })} onClick={() => void mute(ms)}>
          {label}
        </Menu.Item>
      ))}
    </>
  );
}
