/** The server's clock, as its answers tell it: that of a device may be hours off. */

import { v7 } from "uuid";

/** The difference up to which the clock of the device is believed, in ms. */
const TOLERANCE_MS = 60_000;

/** The time by which the server's clock is ahead of the device's, in ms. */
let ahead = 0;

/** Takes the time of an answer, which is the value of its `Date` header. */
export function setClock(date: string | null): void {
  const told = Date.parse(date ?? "");
  if (!Number.isNaN(told)) ahead = told - Date.now();
}

/** Returns the time of the server, in ms since 1970. */
export const serverNow = (): number => Date.now() + ahead;

/**
 * Returns a key for a message, under which it may be sent again for as long as it takes. The key
 * tells when it was made, so that the server knows where to look.
 */
export const newKey = (): string =>
  Math.abs(ahead) < TOLERANCE_MS ? v7() : v7({ msecs: Date.now() + ahead });
