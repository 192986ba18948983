/** The settings of my account and of this page. */

import { Tabs } from "@mantine/core";

import { AccountData } from "../parts/account-data";
import { BlockedPeople } from "../parts/blocked-people";
import { Modal } from "../parts/dialogs";
import { PageSettings } from "../parts/page-settings";
import { PasswordForm } from "../parts/password-form";
import { ProfileForm } from "../parts/profile-form";
import { SessionList } from "../parts/session-list";

const TABS = [
  { value: "profile", label: "Profile", Panel: ProfileForm },
  { value: "page", label: "Appearance", Panel: PageSettings },
  { value: "password", label: "Password", Panel: PasswordForm },
  { value: "sessions", label: "Sessions", Panel: SessionList },
  { value: "blocked", label: "Blocked", Panel: BlockedPeople },
  { value: "data", label: "My data", Panel: AccountData },
];

export default function Settings({ onClose }: { onClose: () => void }) {
  return (
    <Modal onClose={onClose} title="Settings" size="lg">
      <Tabs defaultValue="profile" keepMounted={false}>
        <Tabs.List mb="md">
          {TABS.map(({ value, label }) => (
            <Tabs.Tab key={value} value={value}>
              {label}
            </Tabs.Tab>
          ))}
        </Tabs.List>
        {TABS.map(({ value, Panel }) => (
          <Tabs.Panel key={value} value={value}>
            <Panel />
          </Tabs.Panel>
        ))}
      </Tabs>
    </Modal>
  );
}
