/**
 * Letters that are the same to those who read, as the server compares them: names differ neither in
 * case, nor in marks and strokes that are left out by those who are in a hurry, nor in their form.
 */

/** Marks that the same word may have or not; vowel signs of Indic scripts make another word. */
const LEFT_OUT = new RegExp(
  "(?![\\u3099\\u309a])(?=\\p{M})[\\p{sc=Zinh}\\p{sc=Arab}\\p{sc=Hebr}\\p{sc=Syrc}\\p{sc=Cyrl}]" +
    "|[\\p{Me}\\u093c\\u09bc\\u0a3c\\u0abc\\u0b3c\\u0cbc\\u0640]|\\p{Default_Ignorable_Code_Point}",
  "gu",
);
/** What is written for an apostrophe, be it a mark or, as in Hawaiian, a letter. */
const APOSTROPHES = /[\u00b4\u2018\u2019\u201b\uff07\u055a\u05f3\u02bb-\u02bf\ua78b\ua78c]/g;
/** Kana with the mark that voices them. */
const VOICED = /.[\u3099\u309a]/gsu;

/** What is written for a letter on a keyboard that lacks it, where Unicode knows no parts. */
const PLAIN: Record<string, string> = Object.fromEntries(
  (
    "æae œoe þth ⱥa ƀb ȼc đd ðd ɖd ɇe ǥg ħh ɨi ɉj łl ƚl ɫl ŋn øo ɵo ᵽp ɍr ŧt ⱦt ʉu ɏy ƶz ςσ " +
    "ٱا ٲا ٳا ىي یي کك ةه ہه ەه ৎত্ ൔമ് ൕയ് ൖഴ് ൺണ് ൻന് ർര് ൽല് ൾള് ൿക്"
  )
    .split(" ")
    .map(([letter = "", ...plain]) => [letter, plain.join("")]),
);
const SPECIAL = new RegExp(`[${Object.keys(PLAIN).join("")}]`, "g");

/** The zeros of digits that are written like 0 to 9. */
const ZEROS = [
  ...[0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66],
];

function digit(char: string): string {
  const code = char.codePointAt(0) ?? 0;
  const zero = ZEROS.find((start) => code >= start && code < start + 10);
  return zero === undefined ? char : String(code - zero);
}

/** Returns a text with one form for all letters that are the same to those who read. */
export function folded(text: string): string {
  if (/^\p{ASCII}*$/u.test(text)) return text.toLowerCase();
  const bare = text.replace(APOSTROPHES, "'").normalize("NFKD").replace(LEFT_OUT, "");
  return bare
    .replace(VOICED, (kana) => kana.normalize("NFC"))
    .toLowerCase()
    .toUpperCase() // as ß and ı have no other form in common
    .toLowerCase()
    .replace(SPECIAL, (letter) => PLAIN[letter] ?? letter)
    .replace(/\p{Nd}/gu, digit);
}
