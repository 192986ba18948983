import { needPeople } from "../actions/people";
import type { Profile } from "../state/world";
import { useWorld } from "./use-world";

/** Returns the profile of a person who is shown; `undefined` until the server has answered. */
export function usePerson(id: string): Profile | undefined {
  const person = useWorld((world) => world.people[id]);
  if (person === undefined) needPeople([id]);
  return person;
}
