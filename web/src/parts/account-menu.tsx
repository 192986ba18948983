import { IconLogout, IconSettings } from "@tabler/icons-react";

import { attempt } from "../actions/attempt";
import { logOut } from "../actions/session";
import { useMe, useOutbox } from "../hooks/use-world";
import { askToConfirm } from "../state/question";
import { AccountIcon } from "./menu-buttons";
import { Menu } from "./overlays";

interface Props {
  onSettings: () => void;
  isOpenAtFirst: boolean;
}

export default function AccountMenu({ onSettings, isOpenAtFirst }: Props) {
  const me = useMe();
  const unsent = useOutbox((pending) => pending.length);
  const leave = async () => {
    const messages = unsent === 1 ? "A message has" : `${unsent} messages have`;
    const warning = `${messages} not been sent yet, and would be lost.`;
    if (unsent > 0 && !(await askToConfirm("Log out?", warning, "Log out"))) return;
    await attempt(logOut);
  };
  return (
    <Menu defaultOpened={isOpenAtFirst} position="bottom-start" width={220}>
      <Menu.Target>
        <AccountIcon />
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>@{me.username}</Menu.Label>
        <Menu.Item leftSection={<IconSettings size={16} />} onClick={onSettings}>
          Settings
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={16} />} onClick={() => void leave()}>
          Log out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
