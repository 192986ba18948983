/** How far a message of mine has come. */

import { IconCheck, IconChecks, IconCircleCheck, IconClock } from "@tabler/icons-react";

import type { Reach } from "../state/world";

const SAYS: Record<Reach | "sending", string> = {
  sending: "Sending",
  sent: "Sent",
  stored: "Sent and stored",
  delivered: "Delivered",
  read: "Read",
};

export function Ticks({ reach }: { reach: Reach | "sending" }) {
  const Icon = { sending: IconClock, sent: IconCheck, stored: IconCircleCheck, delivered: IconChecks, read: IconChecks }[reach];
  return (
    <span className={`ticks ${reach}`} role="img" aria-label={SAYS[reach]} title={SAYS[reach]}>
      <Icon size={15} stroke={2} aria-hidden />
    </span>
  );
}
