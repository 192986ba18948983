import { expect, test } from "vitest";

import { folded } from "../src/state/letters";

test.each([
  ["Łódź", "lodz"],
  ["Đà Nẵng", "da nang"],
  ["Straße", "STRASSE"],
  ["STRAẞE", "strasse"],
  ["δρόμος", "ΔΡΟΜΟΣ"],
  ["ὈΔΥΣΣΕΎΣ", "οδυσσευς"],
  ["ışık", "IŞIK"],
  ["İbrahim", "ibrahim"],
  ["Zoe\u0308", "zoe"],
  ["Ёлка", "елка"],
  ["Østerbro", "osterbro"],
  ["O\u2019Brien", "O'Brien"],
  ["Hawai\u02bbi", "hawai'i"],
  ["അവൻ", "അവന്\u200d"],
  ["সৎ", "সত্"],
  ["Ǽ", "ae"],
  ["Œuvre", "oeuvre"],
  ["þing", "Thing"],
  ["ﬁnﬂuﬃ", "finfluffi"],
  ["𝓗𝓮𝓵𝓵𝓸", "hello"],
  ["ﾊﾞｽ", "バス"],
  ["は\u3099", "ば"],
  ["مُحَمَّد", "محمد"],
  ["أحمد", "احمد"],
  ["إلى", "الي"],
  ["مرحـــبا", "مرحبا"],
  ["مدرسة", "مدرسه"],
  ["یک", "يك"],
  ["٢٠٢٦", "2026"],
  ["می\u200cخواهم", "میخواهم"],
  ["שָׁלוֹם", "שלום"],
  ["बाज़ार", "बाजार"],
  ["२०२६", "2026"],
  ["soft\u00adhyphen", "softhyphen"],
  ["1\ufe0f\u20e3", "1"],
])("%s is the same as %s", (one, other) => {
  expect(folded(one)).toBe(folded(other));
  expect(folded(folded(one))).toBe(folded(one));
});

test.each([
  ["नमस्ते", "नमसते"],
  ["कि", "की"],
  ["か", "が"],
  ["は", "ぱ"],
  ["กา", "ก่า"],
  ["د", "ذ"],
  ["о", "o"], // Cyrillic
  ["ss", "s"],
])("%s is another than %s", (one, other) => {
  expect(folded(one)).not.toBe(folded(other));
});
