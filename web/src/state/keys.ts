/** Keys of any keyboard. */

/** A letter of a keyboard that has no Latin ones. */
const FOREIGN = /^(?!\p{Script=Latin})\p{L}$/u;

/**
 * Tells whether a key is that of a letter: the letter itself, wherever it is; or, on a keyboard of
 * other letters, the key in its place. With the Option key of a Mac, and on a Polish keyboard, the
 * same key writes `ń`, or begins an `ñ`: that is a text, and no command.
 */
export const isLetter = (
  { key, code }: Pick<KeyboardEvent, "key" | "code">,
  letter: string,
): boolean =>
  key.toLowerCase() === letter || (FOREIGN.test(key) && code === `Key${letter.toUpperCase()}`);
