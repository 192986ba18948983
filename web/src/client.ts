/**
 * The server that this page comes from. The session is its cookie, which no script can read: the
 * page holds no token. Only `actions/` imports this file.
 */

import { Carrier } from "@carrier/client";

import { takeEarly } from "./early";

/** The longest time for which nothing comes before a request fails. What is sent is sent again. */
const PATIENCE_MS = 20_000;

export const carrier = new Carrier({
  keepsToken: false,
  patience: PATIENCE_MS,
  fetch: (input, init) =>
    (input instanceof Request ? takeEarly(input.url, input.method) : undefined) ??
    fetch(input, init),
});
export const { api } = carrier;
