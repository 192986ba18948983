/** Profiles by id, asked for many at once. */

import { value } from "@carrier/client";

import { api } from "../carrier";
import { type Profile, change, useWorld, world } from "./world";

const AT_ONCE = 100;
const asked = new Set<string>();
let waiting: string[] = [];

/** They are on screen soon. */
export function needPeople(ids: readonly string[]): void {
  for (const id of ids) {
    if (world().people[id] !== undefined || asked.has(id)) continue;
    asked.add(id);
    if (waiting.push(id) === 1) queueMicrotask(() => void ask());
  }
}

async function ask(): Promise<void> {
  const all = waiting;
  waiting = [];
  for (let at = 0; at < all.length; at += AT_ONCE) {
    const ids = all.slice(at, at + AT_ONCE);
    try {
      const { items } = value(await api.GET("/users", { params: { query: { ids: ids.join(",") } } }));
      const found = new Set(items.map((one) => one.id));
      putPeople([...items, ...ids.filter((id) => !found.has(id)).map(nobody)]);
    } catch {
      ids.forEach((id) => asked.delete(id)); // whoever needs them asks again
    }
  }
}

/** Somebody who has erased their account. */
const nobody = (id: string): Profile => ({ id, username: "", display_name: "Deleted account", created_at: "1970-01-01T00:00:00.000Z" });

export function putPeople(found: readonly Profile[]): void {
  if (found.length > 0) change(({ people }) => ({ people: { ...people, ...Object.fromEntries(found.map((one) => [one.id, one])) } }));
}

/** A person who is shown; `undefined` until the server has answered. */
export function usePerson(id: string): Profile | undefined {
  const person = useWorld((world) => world.people[id]);
  if (person === undefined) needPeople([id]);
  return person;
}

export function nameOf(id: string): string {
  const { me, people } = world();
  return me?.id === id ? me.display_name : (people[id]?.display_name ?? "…");
}
