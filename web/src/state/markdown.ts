/**
 * What is known of Markdown before and after it is parsed. A worker parses, since a text may be
 * made to take long; what it answers is small enough to be drawn at once.
 */

import { isOnlyEmoji } from "./characters";

/** An element of a parsed text, or the text between two. */
export type MarkdownNode = string | MarkdownElement;

export interface MarkdownElement {
  tag: MarkdownTag;
  children: MarkdownNode[];
  href?: string;
  /** The number of the first item of a list. */
  start?: number;
  /** True for a list whose numbers were written as `1)`. */
  hasBrackets?: boolean;
  /** The number of an item that does not follow the one before. */
  value?: number;
  /** The state of a task's box. */
  checked?: boolean;
  align?: "left" | "center" | "right";
  /** The language of a block of code. */
  language?: string;
}

/** Elements that a message may have. The only inputs are the boxes of a list of tasks. */
export const TAGS = [
  ...(["h1", "h2", "h3", "h4", "h5", "h6", "p", "blockquote", "pre", "hr", "br"] as const),
  ...(["em", "strong", "del", "code", "a", "ul", "ol", "li", "input"] as const),
  ...(["table", "thead", "tbody", "tr", "th", "td"] as const),
] as const;
export type MarkdownTag = (typeof TAGS)[number];

/** The bounds of what is drawn: a text beyond them is shown as it was written. */
export const MOST_NODES = 2000;
export const DEEPEST = 32;
/** Quotes and lists inside each other at most; a parser takes the square of their number. */
const MOST_NESTED = 12;

/** Characters that mean something in Markdown; most messages have none of them. */
const MARKED = /[*_`~#>|\\[\]<]|https?:|www\.|[\w+-]@[\w-]+\.\w|^[^\S\n]*(?:\d{1,9}[.)]|[-+])\s/im;
const MARKER = /[>+*-]|\d{1,9}[.)]/y;

/** True when a text may look other than it was written, and is not nested without end. */
export const needsMarkdown = (text: string): boolean =>
  MARKED.test(text) && !isOnlyEmoji(text) && !isNested(text); // a keycap has a mark

/** True when a line begins with too many marks of quotes and lists. */
function isNested(text: string): boolean {
  return text.split("\n").some((line) => marksOf(line) > MOST_NESTED);
}

/** Counts the marks of quotes and lists at the beginning of a line. */
function marksOf(line: string): number {
  let marks = 0;
  for (let at = 0; at < line.length && marks <= MOST_NESTED; ) {
    if (line[at] === " " || line[at] === "\t") {
      at++;
      continue;
    }
    MARKER.lastIndex = at;
    const mark = MARKER.exec(line)?.[0];
    if (mark === undefined) break;
    const next = line[at + mark.length];
    if (mark !== ">" && next !== " " && next !== "\t") break;
    marks++;
    at += mark.length;
  }
  return marks;
}

/** Marks on one letter that are drawn; a text may have thousands, which take a second. */
const MANY_MARKS = /(\p{M}{12})\p{M}+/gu;

/** Returns a text without marks on a letter that has more of them than any language. */
export const withFewMarks = (text: string): string => text.replaceAll(MANY_MARKS, "$1");
