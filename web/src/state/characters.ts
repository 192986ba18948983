/** Characters of a text. */

/** Returns the number of characters as the server counts them: code points, not UTF-16 units. */
export function countCharacters(text: string): number {
  let count = 0;
  for (const _ of text) count++;
  return count;
}

/** Returns the beginning of a text; no character is cut in half, and no emoji of several. */
export function firstCharacters(text: string, most: number): string {
  if (text.length <= most) return text;
  const { length } = [...text].slice(0, most).join("");
  const whole =
    length < text.length ? new Intl.Segmenter().segment(text).containing(length) : undefined;
  return text.slice(0, whole?.index || length);
}

/** Returns what to say of a text that has more than so many characters. */
export function excess(text: string, most: number): string | undefined {
  const count = countCharacters(text);
  return count > most ? `Use at most ${most} characters. This has ${count}.` : undefined;
}

/**
 * Returns what stands for somebody without a picture: the first letters of two words, or the first
 * two of one; an emoji alone, and never a part of one.
 */
export function initialsOf(name: string): string {
  const [first = "", next] = name
    .trim()
    .split(/\s+/)
    .map((word) => [...new Intl.Segmenter().segment(word)].map(({ segment }) => segment));
  const [letter = "", second = ""] = next === undefined ? first : [first[0], next[0]];
  const isPlain = (one: string) => /^[\p{L}\p{N}]/u.test(one);
  return (isPlain(letter) && isPlain(second) ? letter + second : letter).toUpperCase();
}

/** Emoji of a text that are drawn large at most. */
const MOST_LARGE = 3;
const PARTS = [
  ...["\\p{Extended_Pictographic}", "\\p{Emoji_Modifier}", "\\p{RI}", "[#*\\d]\\ufe0f?\\u20e3"],
  "[\\s\\u200d\\ufe0f\\u{e0020}-\\u{e007f}]",
];
const ONLY_EMOJI = new RegExp(`^(?:${PARTS.join("|")})+$`, "u");

/** True for a text of a few emoji, and nothing else. */
export function isOnlyEmoji(text: string): boolean {
  // The longest emoji has 14 units.
  if (text.length > MOST_LARGE * 15 || !ONLY_EMOJI.test(text)) return false;
  const signs = [...new Intl.Segmenter().segment(text)].filter(({ segment }) => /\S/.test(segment));
  return signs.length > 0 && signs.length <= MOST_LARGE;
}
