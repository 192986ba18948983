/** Everything the page knows, in one store: rows by id. */

import type { Account, Chat, components, Message } from "@carrier/client";
import { createStore } from "zustand/vanilla";

import type { MessageWindow } from "./window";

export type Profile = components["schemas"]["Profile"];
export type Member = components["schemas"]["MemberView"];
export type Presence = components["schemas"]["PresenceUpdated"];
export type Limits = components["schemas"]["Limits"];

export type Connection = "connecting" | "online" | "offline" | "ended";

export interface World {
  /** The account at this page. `undefined`: not known yet; `null`: nobody is logged in. */
  me: Account | null | undefined;
  /** The server's bounds of texts, files and counts; known before `me` is. */
  limits: Limits | undefined;
  connection: Connection;
  /** True while the server cannot tell all that has changed, since its database does not answer. */
  partial: boolean;
  chats: Record<string, Chat>;
  /** True once the first page of chats has been listed. */
  listed: boolean;
  people: Record<string, Profile>;
  presence: Record<string, Presence>;
  /** The members of groups that were opened, by chat. */
  members: Record<string, Member[]>;
  /** The loaded part of each chat's history, by chat. */
  windows: Record<string, MessageWindow>;
  /** The number of windows that were opened so far; the next one's `epoch`. */
  epochs: number;
  /** My reactions, by chat and message. */
  myReactions: Record<string, Record<number, string[]>>;
  /** The time at which a member's typing ends, in milliseconds, by chat and user. */
  typing: Record<string, Record<string, number>>;
  /** New messages of chats that are not known yet: an event may come before its chat does. */
  early: Record<string, Message[]>;
}

export const EMPTY_WORLD: World = {
  me: undefined,
  limits: undefined,
  connection: "connecting",
  partial: false,
  chats: {},
  listed: false,
  people: {},
  presence: {},
  members: {},
  windows: {},
  epochs: 0,
  myReactions: {},
  typing: {},
  early: {},
};

export type Trouble = "offline" | "partial";

/** Returns what keeps the page from showing all there is. */
export function troubleOf({ connection, partial }: World): Trouble | undefined {
  if (connection === "offline") return "offline";
  return partial ? "partial" : undefined;
}

export const worldStore = createStore<World>(() => EMPTY_WORLD);

/** The world that a batch has made so far, which is not shown yet. */
let batched: World | undefined;

/** Returns the present world; within `batch`, the one that the batch has made so far. */
export const world = (): World => batched ?? worldStore.getState();

let isChanging = false;

/** Changes fields of the world. */
export function change(fields: Partial<World> | ((world: World) => Partial<World>)): void {
  if (isChanging) throw new Error("a change within a change would be lost");
  isChanging = true;
  const now = world();
  let next: World;
  try {
    next = { ...now, ...(typeof fields === "function" ? fields(now) : fields) };
  } finally {
    isChanging = false;
  }
  if (batched === undefined) worldStore.setState(next, true);
  else batched = next;
}

/** Makes many changes visible at once: a thousand events are drawn in one go. */
export function batch(act: () => void): void {
  batched = worldStore.getState();
  try {
    act();
  } finally {
    const next = batched;
    batched = undefined;
    worldStore.setState(next, true);
  }
}
