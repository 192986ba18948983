/** Loads profiles, many at once. */

import { value } from "@carrier/client";

import { api } from "../client";
import { nextWait } from "../state/outbox";
import { deletedAccount, withPeople } from "../state/people";
import { inPieces } from "../state/receipts";
import { change, type Profile, world } from "../state/world";
import { limits } from "./limits";

const requested = new Set<string>();
let queue: string[] = [];
let wait: number | undefined;

/** Loads the profiles of people who are on screen soon, unless they are known. */
export function needPeople(ids: readonly string[]): void {
  for (const id of ids) {
    if (world().people[id] !== undefined || requested.has(id)) continue;
    requested.add(id);
    if (queue.push(id) === 1) queueMicrotask(() => void loadQueue());
  }
}

async function loadQueue(): Promise<void> {
  const all = queue;
  queue = [];
  for (const ids of inPieces(all, limits().ids)) {
    try {
      const query = { ids: ids.join(",") };
      const { items } = value(await api.GET("/users", { params: { query } }));
      const found = new Set(items.map((one) => one.id));
      putPeople([...items, ...ids.filter((id) => !found.has(id)).map(deletedAccount)]);
      wait = undefined;
    } catch {
      for (const id of ids) requested.delete(id);
      wait = nextWait(wait);
      setTimeout(() => needPeople(ids), wait); // those who show them do not ask again
    }
  }
}

export function putPeople(profiles: readonly Profile[]): void {
  change((now) => withPeople(now, profiles));
}

/** Finds people by the beginning of their name or username. */
export async function findPeople(query: string, limit: number): Promise<Profile[]> {
  const { items } = value(await api.GET("/users", { params: { query: { query, limit } } }));
  return items;
}
