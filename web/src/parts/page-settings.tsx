import { SegmentedControl, Stack, Switch, Text, useMantineColorScheme } from "@mantine/core";
import { useState } from "react";

import { canNotify, chooseNotifications, mayNotify } from "../actions/notifications";

const SCHEMES = [
  { value: "auto", label: "Match system" },
  { value: "light", label: "Light" },
  { value: "dark", label: "Dark" },
] as const;

/** Changes how the page looks in this browser, and whether it notifies. */
export function PageSettings() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const [isOn, setOn] = useState(mayNotify());
  const toggle = async (isWanted: boolean) => setOn(await chooseNotifications(isWanted));
  return (
    <Stack>
      <Text fw={600}>Appearance</Text>
      <SegmentedControl
        aria-label="Appearance"
        value={colorScheme}
        onChange={setColorScheme}
        data={[...SCHEMES]}
      />
      <Switch
        mt="md"
        label="Notifications on this device"
        description={
          canNotify
            ? "For messages that arrive while you’re away from this page, except in muted chats."
            : "This browser doesn’t support them."
        }
        disabled={!canNotify}
        checked={isOn}
        onChange={(event) => void toggle(event.currentTarget.checked)}
      />
    </Stack>
  );
}
