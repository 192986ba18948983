/** Begins a chat with one person, or a group with several. */

import { Alert, Button, Modal, Stack, TextInput } from "@mantine/core";
import { useState } from "react";
import { useLocation } from "wouter";

import { reason } from "../carrier";
import { type Chosen, PeoplePicker } from "../parts/people-picker";
import { openChat } from "../state/acts";
import { useMe } from "../state/world";

export default function NewChat({ onClose }: { onClose: () => void }) {
  const [, navigate] = useLocation();
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const [name, setName] = useState("");
  const [refused, setRefused] = useState<string>();
  const [busy, setBusy] = useState(false);
  const me = useMe();
  const isGroup = chosen.length > 1 || name.trim() !== "";
  /** What a group is called that nobody names: its people. */
  const unnamed = [me.display_name, ...chosen.map((one) => one.name)].join(", ").slice(0, 128);

  const open = async () => {
    setBusy(true);
    try {
      const members = chosen.map(({ id }) => id);
      const id = await openChat(isGroup ? { kind: "group", members, name: name.trim() || unnamed } : { kind: "direct", members });
      onClose();
      navigate(`/c/${id}`);
    } catch (error) {
      setRefused(reason(error));
      setBusy(false);
    }
  };

  return (
    <Modal opened onClose={onClose} title="New chat" centered>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void open();
        }}
      >
        <Stack>
          {refused !== undefined && (
            <Alert color="red" variant="light" role="alert">
              {refused}
            </Alert>
          )}
          <PeoplePicker label="With whom?" chosen={chosen} onChange={setChosen} />
          {chosen.length > 0 && (
            <TextInput
              label="Name of the group"
              description={chosen.length > 1 ? "It can be changed later" : "Without one it is a chat of the two of you"}
              placeholder={chosen.length > 1 ? unnamed : ""}
              maxLength={128}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
          )}
          <Button type="submit" disabled={chosen.length === 0} loading={busy}>
            {isGroup ? "Make the group" : "Start chatting"}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
