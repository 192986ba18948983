/** The people I block. */

import { createStore } from "zustand/vanilla";

import type { Profile } from "./world";

interface Blocked {
  /** `undefined` until they are known. */
  people?: readonly Profile[];
  /** The time at which they were asked for, in milliseconds. */
  at: number;
}

/** Another browser may change them: they are asked for again after so long. */
const STALE_MS = 600_000;

export const blockedStore = createStore<Blocked>(() => ({ at: 0 }));

export function putBlocked(people: readonly Profile[], now = Date.now()): void {
  blockedStore.setState({ people, at: now });
}

export const isStale = (now = Date.now()): boolean => now - blockedStore.getState().at > STALE_MS;
