/**
 * Emphasis in scripts without spaces between words. The syntax looks for a space or a sign beside
 * the marks, so that it misses `**\u91cd\u8981\u3002**\u5185\u5bb9`, where neither is written.
 */

import { attention } from "micromark-core-commonmark";
import type { Code, Extension, State, Tokenizer } from "micromark-util-types";

/** Letters of scripts that put no spaces between words, or none before what belongs to a word. */
export const UNSPACED = new RegExp(
  "[\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\p{sc=Hang}\\p{sc=Bopo}\\p{sc=Thai}\\p{sc=Laoo}" +
    "\\p{sc=Khmr}\\p{sc=Mymr}\\u3001-\\u3030\\uff01-\\uff65]",
  "u",
);
const SIGN = /[\p{P}\p{S}]/u;

const STAR = 42;

/** What stands beside the marks. */
type Side = "space" | "sign" | "letter";

/** Returns what a code is; those below 0 are ends of lines and tabs. */
function sideOf(code: Code): Side {
  if (code === null || code < 0) return "space";
  const char = String.fromCodePoint(code);
  if (/\s/.test(char)) return "space";
  return SIGN.test(char) ? "sign" : "letter";
}

const isUnspaced = (code: Code): boolean =>
  code !== null && code > 0 && UNSPACED.test(String.fromCodePoint(code));

const tokenize: Tokenizer = function (effects, ok) {
  const { previous } = this;
  const start: State = (code) => {
    effects.enter("attentionSequence");
    return inside(code);
  };
  const inside: State = (code) => {
    if (code === STAR) {
      effects.consume(code);
      return inside;
    }
    const token = effects.exit("attentionSequence");
    const [before, after] = [sideOf(previous), sideOf(code)];
    // Beside a letter that needs no space, a sign is a part of the text as any letter is.
    const isFree = isUnspaced(previous) || isUnspaced(code);
    token._open = after === "letter" || (after === "sign" && (isFree || before !== "letter"));
    token._close = before === "letter" || (before === "sign" && (isFree || after !== "letter"));
    return ok(code);
  };
  return start;
};

/** The stars of such emphasis. */
export const emphasis: Extension = {
  text: { [STAR]: { ...attention, tokenize } },
};
