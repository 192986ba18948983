//! The characters of the texts that people write: in which form they are kept, and which of them
//! show something.

use std::ops::RangeInclusive;

use icu_properties::{
    CodePointMapData, CodePointSetData, CodePointSetDataBorrowed,
    props::{
        BidiControl, CanonicalCombiningClass, DefaultIgnorableCodePoint, EmojiModifier,
        ExtendedPictographic, GeneralCategory, GeneralCategoryGroup, Ideographic, JoiningType,
        WhiteSpace,
    },
};
use unicode_normalization::UnicodeNormalization;

const JOINER: char = '\u{200D}';
const NON_JOINER: char = '\u{200C}';
/// The selectors of how the character before is drawn.
const SELECTORS: RangeInclusive<char> = '\u{FE00}'..='\u{FE0F}';
/// The selectors of how an ideograph is drawn.
const IDEOGRAPH_SELECTORS: RangeInclusive<char> = '\u{E0100}'..='\u{E01EF}';
/// The letters that name the country of a flag, and their end.
const TAGS: RangeInclusive<char> = '\u{E0020}'..='\u{E007F}';
const LAST_TAG: char = '\u{E007F}';
const FLAG: char = '\u{1F3F4}';
const KEYCAP: char = '\u{20E3}';
/// The letters of Braille, and the one without a dot.
const BRAILLE: RangeInclusive<char> = '\u{2801}'..='\u{28FF}';
const BLANK_BRAILLE: char = '\u{2800}';
/// Characters that no property of Unicode tells from those that are seen: blanks, a note without a
/// head, what stands for an object, and the marks of annotations.
const UNSEEN: [RangeInclusive<char>; 3] = [
    BLANK_BRAILLE..=BLANK_BRAILLE,
    '\u{1D159}'..='\u{1D159}',
    '\u{FFF9}'..='\u{FFFC}',
];

type Set = CodePointSetDataBorrowed<'static>;
const IGNORABLE: Set = CodePointSetData::new::<DefaultIgnorableCodePoint>();
const BIDI: Set = CodePointSetData::new::<BidiControl>();
const SPACE: Set = CodePointSetData::new::<WhiteSpace>();
const PICTURE: Set = CodePointSetData::new::<ExtendedPictographic>();
const SKIN: Set = CodePointSetData::new::<EmojiModifier>();
const IDEOGRAPH: Set = CodePointSetData::new::<Ideographic>();

/// Returns a name as it is kept: in NFC, without white space around it.
pub(crate) fn tidy_name(text: &str) -> String {
    text.trim().nfc().collect()
}

/// Returns the name of a file as it is kept: as a name, without the separators of a path, for it is
/// saved in a folder of its reader's choice.
pub(crate) fn tidy_file_name(text: &str) -> String {
    tidy_name(text).replace(['/', '\\'], "_")
}

/// Returns true when a name has a character that controls, breaks the line, turns the direction of
/// the text, or is not seen. What joins letters and emoji may be where it does.
pub(crate) fn hides_something(name: &str) -> bool {
    let characters: Vec<char> = name.chars().collect();
    characters.iter().enumerate().any(|(at, character)| {
        let (before, after) = (&characters[..at], &characters[at + 1..]);
        is_hidden(*character) && !belongs(before, *character, after)
    })
}

/// Returns a text of others as one plain line of so many characters at most, of which each is seen.
pub(crate) fn plain_line(text: &str, most: usize) -> String {
    let shown = |character: char| match character {
        _ if SPACE.contains(character) => Some(' '),
        _ if is_hidden(character) => None,
        _ => Some(character),
    };
    // No more is looked at than may be shown, with some room for what is not.
    let line: String = text.chars().take(4 * most).filter_map(shown).collect();
    let words: Vec<_> = line.split(' ').filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(most).collect()
}

/// Returns true when a reader sees something of a text. A mark alone is none: it is drawn upon what
/// stands before it.
pub(crate) fn shows_something(text: &str) -> bool {
    let is_mark = |character| GeneralCategoryGroup::Mark.contains(category(character));
    let is_seen =
        |character| !SPACE.contains(character) && !is_hidden(character) && !is_mark(character);
    text.chars().any(is_seen)
}

fn is_hidden(character: char) -> bool {
    use GeneralCategory::{Control, LineSeparator, ParagraphSeparator};
    matches!(
        category(character),
        Control | LineSeparator | ParagraphSeparator
    ) || BIDI.contains(character)
        || IGNORABLE.contains(character)
        || UNSEEN.iter().any(|range| range.contains(&character))
}

fn category(character: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(character)
}

/// Returns true where a character without a shape makes its neighbours look otherwise.
fn belongs(before: &[char], character: char, after: &[char]) -> bool {
    let (last, next) = (before.last().copied(), after.first().copied());
    let is_in = |set: Set, one: Option<char>| one.is_some_and(|one| set.contains(one));
    match character {
        NON_JOINER => {
            breaks_virama(last, next) || joins(before.iter().rev()) && joins(after.iter())
        }
        JOINER => {
            let ends_picture =
                is_in(PICTURE, last) || is_in(SKIN, last) || last == Some(*SELECTORS.end());
            breaks_virama(last, next)
                || joins(before.iter().rev())
                || joins(after.iter())
                || ends_picture && is_in(PICTURE, next)
        }
        _ if SELECTORS.contains(&character) => {
            is_in(PICTURE, last) || is_in(IDEOGRAPH, last) || next == Some(KEYCAP)
        }
        _ if IDEOGRAPH_SELECTORS.contains(&character) => is_in(IDEOGRAPH, last),
        _ if TAGS.contains(&character) => is_of_a_flag(before, character, after),
        BLANK_BRAILLE => [last, next]
            .iter()
            .flatten()
            .any(|one| BRAILLE.contains(one)),
        _ => false,
    }
}

/// Returns true when the nearest letter is one of a script whose letters join (RFC 5892, A.1).
fn joins<'a>(mut from_here: impl Iterator<Item = &'a char>) -> bool {
    let kinds = CodePointMapData::<JoiningType>::new();
    let letter = from_here.find(|one| kinds.get(**one) != JoiningType::Transparent);
    letter.is_some_and(|one| {
        matches!(
            kinds.get(*one),
            JoiningType::DualJoining | JoiningType::LeftJoining | JoiningType::RightJoining
        )
    })
}

/// Returns true beside the sign that joins the consonants of Indic scripts (RFC 5892, A.2).
fn breaks_virama(last: Option<char>, next: Option<char>) -> bool {
    let classes = CodePointMapData::<CanonicalCombiningClass>::new();
    let is_virama = |one: &char| classes.get(*one) == CanonicalCombiningClass::Virama;
    [last, next].iter().flatten().any(is_virama)
}

/// Returns true for a tag that follows a flag and those before it, up to the last tag.
fn is_of_a_flag(before: &[char], tag: char, after: &[char]) -> bool {
    let is_tag = |one: &&char| TAGS.contains(*one);
    let flag = before.iter().rev().find(|one| !is_tag(one));
    let last = after.iter().take_while(is_tag).last().unwrap_or(&tag);
    flag == Some(&FLAG) && *last == LAST_TAG
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_in_one_form() {
        for text in ["Zoe\u{308}", "Zo\u{eb}", " \tZoe\u{308}\u{a0}"] {
            assert_eq!(tidy_name(text), "Zo\u{eb}", "{text:?}");
        }
        assert_eq!(tidy_name("\u{212b}"), "\u{c5}", "Angstrom is a letter");
        assert_eq!(tidy_name("\u{fb01}"), "\u{fb01}", "a ligature stays");
    }

    #[test]
    fn the_name_of_a_file_is_no_path() {
        for (text, name) in [
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("C:\\Users\\ann\\a.txt", "C:_Users_ann_a.txt"),
            ("AC/DC.mp3 ", "AC_DC.mp3"),
            ("Zoe\u{308}.png", "Zo\u{eb}.png"),
        ] {
            assert_eq!(tidy_file_name(text), name);
        }
    }

    #[test]
    fn what_is_not_seen_is_hidden() {
        let hidden = [
            '\0',
            '\n',
            '\u{1b}',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{34f}',
            '\u{61c}',
            '\u{115f}',
            '\u{1160}',
            '\u{17b4}',
            '\u{180b}',
            '\u{180e}',
            '\u{200b}',
            '\u{200c}',
            '\u{200d}',
            '\u{200e}',
            '\u{200f}',
            '\u{2028}',
            '\u{2029}',
            '\u{202a}',
            '\u{202b}',
            '\u{202c}',
            '\u{202d}',
            '\u{202e}',
            '\u{2060}',
            '\u{2061}',
            '\u{2064}',
            '\u{2065}',
            '\u{2066}',
            '\u{2067}',
            '\u{2068}',
            '\u{2069}',
            '\u{206a}',
            '\u{206f}',
            '\u{2800}',
            '\u{3164}',
            '\u{fe00}',
            '\u{fe0f}',
            '\u{feff}',
            '\u{ffa0}',
            '\u{fff0}',
            '\u{fff9}',
            '\u{fffb}',
            '\u{fffc}',
            '\u{1bca0}',
            '\u{1d159}',
            '\u{1d173}',
            '\u{e0001}',
            '\u{e0041}',
            '\u{e007f}',
            '\u{e0100}',
            '\u{e01ef}',
            '\u{e0fff}',
        ];
        for character in hidden {
            for name in [format!("An{character}n"), format!("Ann{character}")] {
                assert!(hides_something(&name), "{name:?}");
            }
        }
    }

    #[test]
    fn what_joins_letters_and_emoji_is_hidden_only_elsewhere() {
        let good = [
            "Ann Lee-O'Hara 2",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}", // Persian
            "\u{645}\u{64e}\u{200c}\u{62e}",        // with a vowel sign before the non-joiner
            "\u{647}\u{200d}.\u{634}",              // an initial form at the end of a word
            "\u{dc1}\u{dca}\u{200d}\u{dbb}\u{dd3}", // Sinhala
            "\u{915}\u{94d}\u{200c}\u{937}",        // Devanagari
            "\u{9b0}\u{200d}\u{9cd}\u{9af}",        // Bengali
            "\u{1f468}\u{200d}\u{1f469}\u{200d}\u{1f467}", // a family
            "\u{1f469}\u{1f3fd}\u{200d}\u{1f680}",  // a skin tone before the joiner
            "\u{1f3f3}\u{fe0f}\u{200d}\u{1f308} x", // a rainbow flag
            "\u{1f3f4}\u{e0067}\u{e0062}\u{e0073}\u{e0063}\u{e0074}\u{e007f}", // Scotland
            "Ann \u{2764}\u{fe0f}",
            "\u{2764}\u{fe0f}\u{200d}\u{1f525}",
            "\u{1f1e9}\u{1f1ea}", // a flag of two letters
            "1\u{fe0f}\u{20e3}",  // a keycap
            "\u{845b}\u{e0100}",  // a form of an ideograph
            "\u{2801}\u{2800}\u{2813}",
        ];
        for name in good {
            assert!(!hides_something(name), "{name:?}");
            assert!(shows_something(name), "{name:?}");
        }
        let bad = [
            "An\u{200d}n",
            "\u{200d}\u{1f467}",
            "\u{1f467}\u{200d}",
            "\u{1f467}\u{200d}n",
            "\u{1f467}\u{200d}\u{200d}\u{1f467}",
            "\u{2764}\u{fe0f}\u{fe0f}",
            "\u{62e}\u{200c}n",
            "\u{1f467}\u{200c}\u{1f467}",
            "1\u{fe0f}",
            "n\u{e0100}",
            "\u{1f3f4}\u{e0067}\u{e0062}",
            "\u{1f467}\u{e0067}\u{e007f}",
            "Ann\u{2800}Lee",
        ];
        for name in bad {
            assert!(hides_something(name), "{name:?}");
        }
    }

    #[test]
    fn blanks_of_all_kinds_show_nothing() {
        let blank = [
            "",
            " ",
            "\u{a0}",
            "\u{2003}\u{3000}",
            "\u{200b}",
            "\u{200d}\u{fe0f}",
            "\u{2800}",
            "\u{3164}",
            "\u{202e} \u{2069}",
            "\t\r\n",
            "\u{e0020}",
            "\u{301}",
            " \u{301}\u{20dd}",
            "\u{93e}",
            "\u{1d159}",
            "\u{fffc}",
        ];
        for text in blank {
            assert!(!shows_something(text), "{text:?}");
        }
        for text in [
            "x",
            ".",
            "\u{2801}",
            "\u{200b}x",
            "\u{202e}x",
            "x\u{301}",
            "\u{915}",
        ] {
            assert!(shows_something(text), "{text:?}");
        }
    }
}
