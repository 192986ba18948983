/** The language of times and numbers, which stand in English sentences. */

/** Returns the first English of the languages that a browser prefers, or that of Britain. */
export const english = (languages: readonly string[]): string =>
  languages.find((language) => /^en(?:-|$)/i.test(language)) ?? "en-GB";

/** The English of this browser. */
export const ENGLISH = english(globalThis.navigator?.languages ?? []);
