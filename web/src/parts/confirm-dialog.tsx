import { Button, Group, Text } from "@mantine/core";

import { useQuestion } from "../hooks/use-world";
import { answer } from "../state/question";
import { Modal } from "./dialogs";

/** The question that is asked before something that cannot be undone. */
export default function ConfirmDialog() {
  const question = useQuestion();
  if (question === undefined) return null;
  const { title, text, action } = question;
  return (
    <Modal title={title} onClose={() => answer(false)}>
      <Text size="sm">{text}</Text>
      <Group mt="md" justify="flex-end">
        <Button variant="default" onClick={() => answer(false)}>
          Cancel
        </Button>
        <Button color="red.8" onClick={() => answer(true)}>
          {action}
        </Button>
      </Group>
    </Modal>
  );
}
