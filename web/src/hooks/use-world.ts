/** The stores of `state/`, as React reads them. */

import type { Account } from "@carrier/client";
import { useStore } from "zustand";

import { calendarStore } from "../state/calendar";
import { type Begun, begunIn, composerStore } from "../state/composers";
import { outboxStore, type PendingMessage } from "../state/outbox";
import { type Question, questionStore } from "../state/question";
import { type Search, searchStore } from "../state/search";
import { type Limits, type World, worldStore } from "../state/world";

export const useWorld = <T>(select: (world: World) => T): T => useStore(worldStore, select);

/** Returns the account at this page; only where one is logged in. */
export function useMe(): Account {
  const me = useWorld((world) => world.me);
  if (me == null) throw new Error("nobody is logged in");
  return me;
}

/** Returns the server's bounds; only where `me` is known. */
export function useLimits(): Limits {
  const limits = useWorld((world) => world.limits);
  if (limits === undefined) throw new Error("the server's limits are not loaded yet");
  return limits;
}

/** Selects from the messages that are not acknowledged yet. */
export const useOutbox = <T>(select: (pending: PendingMessage[]) => T): T =>
  useStore(outboxStore, (outbox) => select(outbox.pending));

/** Returns what is begun in the composer of a chat. */
export const useBegun = (chat: string): Begun => useStore(composerStore, () => begunIn(chat));

/** Draws a component once more on another day, and in another time zone. */
export const useCalendar = () => useStore(calendarStore);

export const useQuestion = (): Question | undefined => useStore(questionStore).asked;

export const useSearch = (): Search => useStore(searchStore);
