/** The server that this page comes from. The session is its cookie, which no script can read: the page holds no token. */

import { Carrier, CarrierError } from "@carrier/client";

export const carrier = new Carrier({ keepsToken: false });
export const { api } = carrier;

/** What to tell people of an error. */
export function reason(error: unknown): string {
  if (error instanceof CarrierError) return error.problem.errors?.[0]?.detail ?? error.problem.detail;
  // What fetch throws is a TypeError, whose words are the browser's.
  if (error instanceof Error && !(error instanceof TypeError)) return error.message;
  return "The server does not answer. Are you online?";
}

/** A picture of a person or a chat, at the size it is shown. */
export function picture(url: string | undefined, size: number): string | undefined {
  if (url === undefined) return undefined;
  return `${url}${url.includes("?") ? "&" : "?"}size=${size > 48 ? 256 : 96}`;
}
