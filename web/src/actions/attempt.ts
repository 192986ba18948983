import { notifications } from "@mantine/notifications";

import { reasonOf } from "../state/problems";

/** Shows a message that goes away by itself. */
export const notifySuccess = (message: string): void =>
  void notifications.show({ color: "teal", message });

export const notifyFailure = (message: string): void =>
  void notifications.show({ color: "red", message });

/** Does something, and shows the reason when it fails. Returns true when it was done. */
export async function attempt(act: () => Promise<unknown>): Promise<boolean> {
  try {
    await act();
    return true;
  } catch (error) {
    notifyFailure(reasonOf(error));
    return false;
  }
}
