import type { Message } from "@carrier/client";

import { systemText } from "../state/names";
import { nameOf } from "../state/people";
import { usePerson } from "./use-person";
import { useWorld } from "./use-world";

/** Returns the text of a system message, as "Ann added Bob". */
export function useSystemText(message: Message): string {
  const me = useWorld((world) => world.me?.id);
  const { actor_id = "", user_id } = message.system ?? {};
  usePerson(actor_id);
  usePerson(user_id ?? actor_id);
  return systemText(message, me, nameOf);
}
