/** Asks before what cannot be undone. */

import { Text } from "@mantine/core";
import { modals } from "@mantine/modals";

/** `act` is what the button says that goes on with it. */
export function sure(title: string, text: string, act: string): Promise<boolean> {
  return new Promise((resolve) =>
    modals.openConfirmModal({
      title,
      centered: true,
      children: <Text size="sm">{text}</Text>,
      labels: { confirm: act, cancel: "Never mind" },
      confirmProps: { color: "red.8" },
      onConfirm: () => resolve(true),
      onClose: () => resolve(false), // after a confirmation too: a promise is what it was first
    }),
  );
}
