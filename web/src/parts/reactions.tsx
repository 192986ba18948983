import type { Message } from "@carrier/client";
import { Group, UnstyledButton } from "@mantine/core";

import { toggleReaction } from "../actions/messages";
import { useWorld } from "../hooks/use-world";
import { isolated } from "../state/direction";
import { nameOf } from "../state/people";
import { Hint } from "./hint";

/** People whose names are shown for a reaction. */
const MOST_NAMES = 6;

/** The reactions to a message. */
export function Reactions({ message }: { message: Message }) {
  const { chat_id, id, reactions = [] } = message;
  const mine = useWorld((world) => world.myReactions[chat_id]?.[id]);
  // Drawn once more when a name becomes known.
  useWorld(({ people }) =>
    reactions.flatMap((one) => one.user_ids.map((user) => people[user]?.display_name)).join(),
  );
  return (
    <Group gap={4} className="reactions">
      {reactions.map(({ emoji, count, user_ids }) => {
        const isMine = mine?.includes(emoji) === true;
        const names = user_ids.slice(0, MOST_NAMES).map((user) => isolated(nameOf(user)));
        const more = count > MOST_NAMES ? ` and ${count - MOST_NAMES} more` : "";
        return (
          <Hint key={emoji} label={names.join(", ") + more} openDelay={300}>
            <UnstyledButton
              className="reaction"
              aria-pressed={isMine}
              aria-label={`${emoji} ${count}, ${isMine ? "remove mine" : "add mine"}`}
              onClick={() => void toggleReaction(message, emoji)}
            >
              {emoji} <span>{count}</span>
            </UnstyledButton>
          </Hint>
        );
      })}
    </Group>
  );
}
