/** The server's bounds. */

import { value } from "@carrier/client";

import { api } from "../client";
import { change, type Limits, world } from "../state/world";

/** Loads the server's bounds. Returns true when there is a session, which may have ended. */
export async function loadMeta(): Promise<boolean> {
  const meta = value(await api.GET("/meta"));
  change({ limits: meta.limits });
  return meta.session;
}

/** Returns the server's bounds, which are known once anything is shown. */
export function limits(): Limits {
  const known = world().limits;
  if (known === undefined) throw new Error("the server's limits are not loaded yet");
  return known;
}
