//! Letters that are the same to those who read: the one rule by which words are compared, in a
//! search of messages and in the directory of people.
//!
//! Two texts are the same if they differ only in case (fully folded: `STRASSE`, final sigma, the
//! dotless i), in how they are encoded (compatibility forms, ligatures), in marks that are left out
//! by those who are in a hurry (accents, strokes, Arabic vowels and hamza, Hebrew points, nukta),
//! in what is not seen (tatweel, joiners, soft hyphens), or in which of the apostrophes stands in
//! them. Marks that make another word stay: the vowel signs and the virama of Indic scripts, the
//! voicing of kana.

use std::{iter::once, ops::Range};

use icu_properties::{
    CodePointMapData, CodePointSetData,
    props::{DefaultIgnorableCodePoint, GeneralCategory},
};
use unicode_normalization::{
    UnicodeNormalization,
    char::{canonical_combining_class, compose, decompose_compatible},
};
use unicode_segmentation::GraphemeCursor;

/// The line that draws an Arabic word out.
const TATWEEL: char = '\u{640}';
/// The accent that stands alone, and is typed for an apostrophe.
const ACUTE: char = '\u{b4}';
/// The canonical combining class of the marks that voice kana.
const VOICING: u8 = 8;
/// The zeros of digits that are written like 0 to 9, but in scripts without spaces.
const ZEROS: [char; 12] = [
    '\u{660}', '\u{6f0}', '\u{7c0}', '\u{966}', '\u{9e6}', '\u{a66}', '\u{ae6}', '\u{b66}',
    '\u{be6}', '\u{c66}', '\u{ce6}', '\u{d66}',
];

/// Returns a text with one form for all letters that are the same to those who read.
pub(crate) fn fold_letters(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut folded = Vec::with_capacity(text.len());
    for cluster in clusters(text) {
        fold_cluster(&text[cluster], &mut folded);
    }
    folded.into_iter().collect()
}

/// Returns the clusters of a text: each a character, with the marks upon it. No normal form goes
/// beyond one, so a text may be folded cluster by cluster.
pub(crate) fn clusters(text: &str) -> impl Iterator<Item = Range<usize>> {
    let starts = text.char_indices().skip(1);
    let starts = starts.filter(|(_, one)| is_starter(*one));
    let ends = starts.map(|(at, _)| at).chain(once(text.len()));
    let mut from = 0;
    ends.map(move |to| std::mem::replace(&mut from, to)..to)
}

/// The most bytes of a sign that is kept whole: families of emoji have some thirty.
const MAX_WHOLE: usize = 64;

/// Returns the place at which a text is cut instead of `at`, so that no sign is cut, such as an
/// emoji of several characters: at it, or a little before.
pub(crate) fn whole(text: &str, at: usize) -> usize {
    let mut cursor = GraphemeCursor::new(at, text.len(), true);
    if cursor.is_boundary(text, 0) != Ok(false) {
        return at;
    }
    let before = cursor.prev_boundary(text, 0).ok().flatten().unwrap_or(0);
    if before == 0 || at - before > MAX_WHOLE {
        return at;
    }
    before
}

/// Appends the folded characters of a cluster.
pub(crate) fn fold_cluster(cluster: &str, folded: &mut Vec<char>) {
    if let [byte] = cluster.as_bytes() {
        folded.push(char::from(byte.to_ascii_lowercase()));
        return;
    }
    let start = folded.len();
    // The accent decomposes into a space and a mark.
    let characters = cluster
        .chars()
        .map(|one| if one == ACUTE { '\'' } else { one });
    for one in characters.nfkd().filter(|one| !is_left_out(*one)) {
        // The only composition: all other marks are left out, or stand for themselves.
        if canonical_combining_class(one) == VOICING
            && let Some(last) = folded[start..].last_mut()
            && let Some(whole) = compose(*last, one)
        {
            *last = whole;
            continue;
        }
        // Full case folding, out of the full mappings that the standard library has.
        let cases = one.to_lowercase().flat_map(char::to_uppercase);
        for lower in cases.flat_map(char::to_lowercase) {
            match plain(lower) {
                Some(letters) => folded.extend(letters.chars()),
                None => folded.push(digit(lower)),
            }
        }
    }
}

/// True for what is written for an apostrophe, be it a mark or, as in Hawaiian, a letter.
pub(crate) fn is_apostrophe(one: char) -> bool {
    matches!(
        one,
        '\'' | ACUTE
            | '\u{2018}'
            | '\u{2019}'
            | '\u{201b}'
            | '\u{ff07}'
            // The letters: `okina, the apostrophes of Ukrainian, hamza and ayin in Latin, saltillo.
            | '\u{2bb}'
            ..='\u{2bf}'
            | '\u{a78b}'
            | '\u{a78c}'
            // Those of Armenian and Hebrew.
            | '\u{55a}'
            | '\u{5f3}'
    )
}

/// True for a script that is written without spaces between words: Thai, Lao, Myanmar, Khmer, kana,
/// Han.
pub(crate) fn is_without_spaces(one: char) -> bool {
    let scripts = [
        '\u{e00}'..='\u{eff}',
        '\u{1000}'..='\u{109f}',
        '\u{1780}'..='\u{17ff}',
        '\u{3005}'..='\u{3007}',
        '\u{3040}'..='\u{30ff}',
        '\u{31f0}'..='\u{31ff}',
        '\u{3400}'..='\u{4dbf}',
        '\u{4e00}'..='\u{9fff}',
        '\u{f900}'..='\u{faff}',
        '\u{ff66}'..='\u{ff9f}',
        '\u{20000}'..='\u{3ffff}',
    ];
    one >= '\u{e00}' && scripts.iter().any(|script| script.contains(&one))
}

/// True for a character that no mark before it goes together with.
fn is_starter(one: char) -> bool {
    // Nothing below the first combining mark decomposes into a mark at its beginning.
    if one < '\u{300}' {
        return true;
    }
    let mut first = None;
    decompose_compatible(one, |part| first = first.or(Some(part)));
    canonical_combining_class(first.unwrap_or(one)) == 0
}

/// True for what the same word may have or not.
fn is_left_out(one: char) -> bool {
    if one.is_ascii() {
        return false;
    }
    let is_small_mark = match canonical_combining_class(one) {
        // Overlays; readings; nukta; the points of Hebrew, the vowels of Arabic and Syriac; and
        // all that stands above, below or beside a letter.
        1 | 6 | 7 | 10..=36 | 200.. => true,
        0 => category(one) == GeneralCategory::EnclosingMark,
        _ => false,
    };
    is_small_mark && !is_without_spaces(one)
        || one == TATWEEL
        || CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(one)
}

fn category(one: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(one)
}

/// Returns the letters that are written for one on a keyboard that lacks it, where Unicode knows
/// no decomposition: those with a stroke, ligatures that became letters, forms of alef, yeh, kaf
/// and heh, the apostrophes, and Indic letters without a vowel that have a sign of their own (which
/// was written with a virama and a joiner before).
fn plain(one: char) -> Option<&'static str> {
    Some(match one {
        'æ' => "ae",
        'œ' => "oe",
        'þ' => "th",
        'ⱥ' => "a",
        'ƀ' => "b",
        'ȼ' => "c",
        'đ' | 'ð' | 'ɖ' => "d",
        'ɇ' => "e",
        'ǥ' => "g",
        'ħ' => "h",
        'ɨ' => "i",
        'ɉ' => "j",
        'ł' | 'ƚ' | 'ɫ' => "l",
        'ŋ' => "n",
        'ø' | 'ɵ' => "o",
        'ᵽ' => "p",
        'ɍ' => "r",
        'ŧ' | 'ⱦ' => "t",
        'ʉ' => "u",
        'ɏ' => "y",
        'ƶ' => "z",
        '\u{671}'..='\u{673}' => "\u{627}",
        '\u{649}' | '\u{6cc}' => "\u{64a}",
        '\u{6a9}' => "\u{643}",
        '\u{629}' | '\u{6c1}' | '\u{6d5}' => "\u{647}",
        '\u{9ce}' => "\u{9a4}\u{9cd}",
        '\u{d54}' => "\u{d2e}\u{d4d}",
        '\u{d55}' => "\u{d2f}\u{d4d}",
        '\u{d56}' => "\u{d34}\u{d4d}",
        '\u{d7a}' => "\u{d23}\u{d4d}",
        '\u{d7b}' => "\u{d28}\u{d4d}",
        '\u{d7c}' => "\u{d30}\u{d4d}",
        '\u{d7d}' => "\u{d32}\u{d4d}",
        '\u{d7e}' => "\u{d33}\u{d4d}",
        '\u{d7f}' => "\u{d15}\u{d4d}",
        one if is_apostrophe(one) => "'",
        _ => return None,
    })
}

/// Returns the digit 0 to 9 for one of another script.
fn digit(one: char) -> char {
    if one < ZEROS[0] {
        return one;
    }
    let value = |zero: &char| u32::from(one).checked_sub(u32::from(*zero));
    let values = ZEROS.iter().filter_map(value);
    let value = values
        .filter_map(|value| char::from_digit(value, 10))
        .next();
    value.unwrap_or(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_to_those_who_read_has_one_form() {
        for (one, other) in [
            // Case, in full.
            ("Straße", "STRASSE"),
            ("STRAẞE", "strasse"),
            ("δρόμος", "ΔΡΟΜΟΣ"),
            ("ὈΔΥΣΣΕΎΣ", "οδυσσευς"),
            ("ışık", "IŞIK"),
            ("İbrahim", "ibrahim"),
            ("İbrahim", "IBRAHIM"),
            ("ŉ", "ʼN"),
            ("Ǆ", "ǆ"),
            ("ᾳ", "Α"),
            ("Ⴀ", "ⴀ"),
            ("ꭰ", "Ꭰ"),
            // Accents, however they are encoded.
            ("Zoë", "zoe"),
            ("Zoe\u{308}", "Zoë"),
            ("Tiếng Việt", "tieng viet"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            ("Ёлка", "елка"),
            ("Å", "\u{212b}"),
            // Strokes and ligatures.
            ("Łukasz", "lukasz"),
            ("Łódź", "LODZ"),
            ("Østerbro", "osterbro"),
            ("đường", "duong"),
            ("Ħal", "hal"),
            ("Encyclopædia", "encyclopaedia"),
            ("Ǽ", "ae"),
            ("Œuvre", "oeuvre"),
            ("þing", "Thing"),
            ("ﬁnﬂuﬃ", "finfluffi"),
            // Forms of compatibility.
            ("Ｆｕｌｌ", "full"),
            ("𝓗𝓮𝓵𝓵𝓸", "hello"),
            ("①", "1"),
            ("x²", "x2"),
            ("ſ", "s"),
            ("ﾊﾞｽ", "バス"),
            ("は\u{3099}", "ば"),
            ("㍿", "株式会社"),
            // Arabic.
            ("مُحَمَّد", "محمد"),
            ("أحمد", "احمد"),
            ("إلى", "الي"),
            ("آب", "اب"),
            ("ٱلله", "الله"),
            ("مرحـــبا", "مرحبا"),
            ("مدرسة", "مدرسه"),
            ("مسؤول", "مسوول"),
            ("ﻻ", "لا"),
            ("یک", "يك"),
            ("٢٠٢٦", "2026"),
            ("۲۰۲۶", "2026"),
            ("می\u{200c}خواهم", "میخواهم"),
            // Hebrew.
            ("שָׁלוֹם", "שלום"),
            ("\u{fb2a}", "ש"),
            // Indic scripts.
            ("সম\u{9df}", "সম\u{9af}\u{9bc}"),
            ("बा\u{95b}ार", "बाज\u{93c}ार"),
            ("बाज़ार", "बाजार"),
            ("२०२६", "2026"),
            ("क\u{94d}\u{200d}ष", "क्ष"),
            ("অকস্মাৎ", "অকস্মাত্\u{200d}"),
            ("അവൻ", "അവന്\u{200d}"),
            ("കണ്ണൂർ", "കണ്ണൂര്\u{200d}"),
            ("പാൽ", "പാല്\u{200d}"),
            ("അവൾ", "അവള്\u{200d}"),
            ("ആൺ", "ആണ്\u{200d}"),
            ("ൿ", "ക്\u{200d}"),
            ("ൔൕൖ", "മ്യ്ഴ്"),
            // Apostrophes.
            ("O\u{2019}Brien", "O'Brien"),
            ("O\u{2018}Brien", "O'Brien"),
            ("O\u{ff07}Brien", "O'Brien"),
            ("O´Brien", "O'Brien"),
            ("Мар\u{2019}яна", "Мар'яна"),
            ("Мар\u{2bc}яна", "МАР'ЯНА"),
            ("п\u{2bc}ять", "п'ять"),
            ("Hawai\u{2bb}i", "Hawai'i"),
            ("\u{2bb}Okina", "'okina"),
            ("al-Qur\u{2be}ān", "al-Qur'an"),
            ("ג\u{5f3}ירפה", "ג'ירפה"),
            ("\u{a78b}a", "\u{a78c}A"),
            // Thai.
            ("น้\u{e33}", "น้\u{e4d}\u{e32}"),
            // What is not seen.
            ("soft\u{ad}hyphen", "softhyphen"),
            ("a\u{200b}b\u{2060}c\u{fe0f}", "abc"),
            ("\u{feff}word", "word"),
            ("1\u{fe0f}\u{20e3}", "1"),
        ] {
            assert_eq!(fold_letters(one), fold_letters(other), "{one} {other}");
            let twice = fold_letters(&fold_letters(one));
            assert_eq!(twice, fold_letters(one), "{one} is folded once");
        }
    }

    #[test]
    fn a_text_is_cut_between_signs() {
        let family = "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}";
        for sign in [
            family,
            "e\u{301}",
            "\u{1f44d}\u{1f3fd}",
            "\u{1f1e9}\u{1f1ea}",
            "\r\n",
        ] {
            let text = format!("ab{sign}c");
            for (at, _) in text.char_indices() {
                let is_in = (3..2 + sign.len()).contains(&at);
                assert_eq!(
                    whole(&text, at),
                    if is_in { 2 } else { at },
                    "{text:?} {at}"
                );
            }
        }
        let marked = format!("ab{}", "\u{301}".repeat(100));
        assert_eq!(whole(&marked, 102), 102, "a sign without end is cut");
        assert_eq!(whole(family, 4), 4, "something is left");
        assert_eq!((whole("", 0), whole("ab", 2)), (0, 2));
    }

    #[test]
    fn other_words_have_another_form() {
        for (one, other) in [
            ("नमस्ते", "नमसते"),
            ("कि", "की"),
            ("कल", "काल"),
            ("か", "が"),
            ("は", "ぱ"),
            ("한", "하"),
            ("กา", "ก่า"),
            ("د", "ذ"),
            ("س", "ش"),
            ("ב", "כ"),
            ("о", "o"), // Cyrillic
            ("c", "k"),
            ("ss", "s"),
            ("க்", "க"),
            ("അവൻ", "അവന"),
            ("ৎ", "ত"),
            ("O'Brien", "OBrien"),
        ] {
            assert_ne!(fold_letters(one), fold_letters(other), "{one} {other}");
        }
    }

    #[test]
    fn clusters_are_a_text_in_pieces_that_begin_with_no_mark() {
        for text in [
            "",
            "a",
            "é",
            "e\u{301}\u{302}x",
            "\u{301}a",
            "ｶ\u{ff9e}x",
            "a😀b",
        ] {
            let pieces: Vec<_> = clusters(text).map(|range| &text[range]).collect();
            assert_eq!(pieces.concat(), text);
        }
        let marked = "xe\u{301}\u{302}ｶ\u{ff9e}";
        let pieces: Vec<_> = clusters(marked).map(|range| &marked[range]).collect();
        assert_eq!(pieces, ["x", "e\u{301}\u{302}", "ｶ\u{ff9e}"]);
    }
}
