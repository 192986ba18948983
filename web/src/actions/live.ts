/** The connection on which the server sends events. */

import type { Live, LiveOptions } from "@carrier/client";

import { carrier } from "../client";

let live: Live | undefined;

export function connect(options: LiveOptions): void {
  live = carrier.live(options);
}

/** Sends a command. Without a connection it is lost, for it is about this moment only. */
export function say(command: Parameters<Live["say"]>[0]): void {
  live?.say(command).catch(() => undefined);
}
