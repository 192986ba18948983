import { UnstyledButton } from "@mantine/core";
import { notifications } from "@mantine/notifications";

/** The time in which something can be undone, in milliseconds. */
const UNDO_MS = 10_000;

/** Tells that something was done, and offers to undo it. */
export function offerUndo(message: string, undo: () => void): void {
  const id = notifications.show({
    color: "teal",
    autoClose: UNDO_MS,
    message: (
      <>
        {message}{" "}
        <UnstyledButton
          className="link"
          onClick={() => {
            notifications.hide(id);
            undo();
          }}
        >
          Undo
        </UnstyledButton>
      </>
    ),
  });
}
