import { IconCheck, IconChecks, IconCircleCheck, IconClock } from "@tabler/icons-react";

import type { DeliveryState } from "../state/chats";

type State = DeliveryState | "sending";

const LABELS: Record<State, string> = {
  sending: "Sending",
  sent: "Sent",
  stored: "Sent and stored",
  delivered: "Delivered",
  read: "Read",
};
const ICONS: Record<State, typeof IconCheck> = {
  sending: IconClock,
  sent: IconCheck,
  stored: IconCircleCheck,
  delivered: IconChecks,
  read: IconChecks,
};

/** Shows the delivery of a message of mine. */
export function Ticks({ state }: { state: State }) {
  const Icon = ICONS[state];
  return (
    <span className={`ticks ${state}`} role="img" aria-label={LABELS[state]} title={LABELS[state]}>
      <Icon size={15} stroke={2} aria-hidden />
    </span>
  );
}
