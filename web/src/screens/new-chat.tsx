/** Begins a chat with one person, or a group with several. */

import { Alert, Button, Stack, TextInput } from "@mantine/core";
import { type FormEvent, useRef, useState } from "react";
import { useLocation } from "wouter";

import { openChat } from "../actions/chats";
import { atMost } from "../hooks/bounds";
import { useLimits, useMe } from "../hooks/use-world";
import { Modal } from "../parts/dialogs";
import { type Chosen, PeoplePicker } from "../parts/people-picker";
import { firstCharacters } from "../state/characters";
import { reasonOf } from "../state/problems";

export default function NewChat({ onClose }: { onClose: () => void }) {
  const me = useMe();
  const limits = useLimits();
  const [, navigate] = useLocation();
  const [chosen, setChosen] = useState<Chosen[]>([]);
  const [name, setName] = useState("");
  const [error, setError] = useState<string>();
  const [isBusy, setBusy] = useState(false);
  const isSeveral = chosen.length > 1;
  const isGroup = isSeveral || name.trim() !== "";
  /** The name of a group that is given none: its members. */
  const defaultName = firstCharacters(
    [me.display_name, ...chosen.map((one) => one.name)].join(", "),
    limits.group_name,
  );

  const create = async () => {
    const members = chosen.map(({ id }) => id);
    const id = await openChat(
      isGroup
        ? { kind: "group", members, name: name.trim() || defaultName }
        : { kind: "direct", members },
    );
    onClose();
    navigate(`/c/${id}`);
  };
  /** True before the button shows it: what is clicked twice at once is made once. */
  const isUnderWay = useRef(false);
  const onSubmit = (event: FormEvent) => {
    event.preventDefault();
    if (isUnderWay.current) return;
    isUnderWay.current = true;
    setBusy(true);
    create().catch((failure: unknown) => {
      setError(reasonOf(failure));
      setBusy(false);
      isUnderWay.current = false;
    });
  };

  return (
    <Modal onClose={onClose} title="New chat">
      <form onSubmit={onSubmit}>
        <Stack>
          {error !== undefined && (
            <Alert color="red" variant="light" role="alert">
              {error}
            </Alert>
          )}
          <PeoplePicker label="To" chosen={chosen} onChange={setChosen} />
          {chosen.length > 0 && (
            <TextInput
              label="Group name"
              description={
                isSeveral
                  ? "You can change it later."
                  : "Leave this empty to chat with just one person."
              }
              placeholder={isSeveral ? defaultName : ""}
              {...atMost(limits.group_name)}
              value={name}
              onChange={(event) => setName(event.currentTarget.value)}
            />
          )}
          <Button
            type="submit"
            disabled={chosen.length === 0 || chosen.length >= limits.members}
            loading={isBusy}
          >
            {isGroup ? "Create group" : "Start chat"}
          </Button>
        </Stack>
      </form>
    </Modal>
  );
}
