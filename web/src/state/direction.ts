/** Names of both directions in the page's own sentences. */

import { withFewMarks } from "./markdown";

/** Letters that are written from right to left. */
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u;
const CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** Returns a name for the middle of a sentence, whose other words it does not reorder. */
export function isolated(name: string): string {
  const plain = withFewMarks(name.replaceAll(CONTROLS, ""));
  return RIGHT_TO_LEFT.test(plain) ? `\u2068${plain}\u2069` : plain;
}
