/** People by id. */

import { withFewMarks } from "./markdown";
import { type Profile, type World, world } from "./world";

export function withPeople(now: World, profiles: readonly Profile[]): World {
  if (profiles.length === 0) return now;
  const found = Object.fromEntries(profiles.map((profile) => [profile.id, profile]));
  return { ...now, people: { ...now.people, ...found } };
}

/** Returns the profile that stands in for an account that was erased. */
export const deletedAccount = (id: string): Profile => ({
  id,
  username: "",
  display_name: "Deleted account",
  created_at: "1970-01-01T00:00:00.000Z",
});

/** Returns the name to show; `…` until the server has told it. */
export function nameOf(id: string, { me, people }: World = world()): string {
  return withFewMarks((me?.id === id ? me : people[id])?.display_name ?? "…");
}
