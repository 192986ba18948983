/** Mentions in a text. */

/** An @ that no word stands before. */
const MENTION = /(?<![\w@.-])@([\w.-]{3,})/g;

export interface Mention {
  start: number;
  end: number;
  /** The username, in small letters. */
  name: string;
}

/** Those of people who are there. A name may have dots and dashes, and a sentence may end after it: "thanks, @bob." */
export function mentionsIn(text: string, isName: (name: string) => boolean): Mention[] {
  return [...text.matchAll(MENTION)].flatMap(({ index, 1: found = "" }) => {
    let name = found.toLowerCase();
    while (!isName(name) && /[._-]$/.test(name)) name = name.slice(0, -1);
    return isName(name) ? [{ start: index, end: index + 1 + name.length, name }] : [];
  });
}
