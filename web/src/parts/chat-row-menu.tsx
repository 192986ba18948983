import type { Chat } from "@carrier/client";
import { ActionIcon } from "@mantine/core";
import { IconDots } from "@tabler/icons-react";

import { isolated } from "../state/direction";
import { chatName } from "../state/names";
import { ChatMenuItems } from "./chat-menu";
import { Menu } from "./overlays";

interface Props {
  chat: Chat;
  isOpen: boolean;
  onChange: (isOpen: boolean) => void;
}

/** The menu of a chat in the list. */
export default function ChatRowMenu({ chat, isOpen, onChange }: Props) {
  return (
    <Menu opened={isOpen} onChange={onChange} position="bottom-end" width={250}>
      <Menu.Target>
        <ActionIcon
          className="chat-more"
          variant="default"
          size={28}
          radius="xl"
          aria-label={`Options for ${isolated(chatName(chat))}`}
        >
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <ChatMenuItems chat={chat} />
      </Menu.Dropdown>
    </Menu>
  );
}
