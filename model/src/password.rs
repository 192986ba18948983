//! The form of a password: what two keyboards type for one password is one text.

use unicode_normalization::UnicodeNormalization;

/// Returns a password as it is hashed and checked, by RFC 8265 (OpaqueString): in NFC, with a plain
/// space for each kind of space. `None` for what is no password: an empty text, and one with
/// characters that control or break the line.
pub fn prepare_password(typed: &str) -> Option<String> {
    let spaced = typed
        .chars()
        .map(|one| if is_space(one) { ' ' } else { one });
    let prepared: String = spaced.nfc().collect();
    let is_typed = !prepared.is_empty() && !prepared.contains(breaks);
    is_typed.then_some(prepared)
}

/// True for a character that separates words on a line.
fn is_space(one: char) -> bool {
    one.is_whitespace() && !breaks(one)
}

fn breaks(one: char) -> bool {
    one.is_control() || matches!(one, '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_keyboards_type_for_one_password_is_one_text() {
        for (one, other) in [
            ("Zürich-Äpfel", "Zu\u{308}rich-A\u{308}pfel"),
            ("\u{212b}ngstrom", "\u{c5}ngstrom"),
            ("비밀", "\u{1107}\u{1175}\u{1106}\u{1175}\u{11af}"),
            ("q\u{307}\u{323}", "q\u{323}\u{307}"),
            ("a b", "a\u{a0}b"),
            ("a b", "a\u{3000}b"),
            ("a b", "a\u{2003}b"),
            ("がぎ", "か\u{3099}き\u{3099}"),
        ] {
            assert_eq!(prepare_password(one), prepare_password(other), "{one}");
        }
    }

    #[test]
    fn what_differs_for_those_who_type_it_stays_apart() {
        for (one, other) in [
            ("Correct", "correct"),
            ("Straße", "Strasse"),
            ("①", "1"),
            ("ﬁ", "fi"),
            ("e", "é"),
            (" a", "a"),
            ("a  b", "a b"),
            ("а", "a"), // Cyrillic
        ] {
            assert_ne!(prepare_password(one), prepare_password(other), "{one}");
            assert!(prepare_password(one).is_some(), "{one}");
        }
        let kept = "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f} ~!\"\\";
        assert_eq!(prepare_password(kept).as_deref(), Some(kept));
    }

    #[test]
    fn nothing_and_what_controls_is_no_password() {
        for bad in [
            "",
            "\0",
            "a\nb",
            "a\tb",
            "a\r",
            "\u{1b}[2J",
            "a\u{85}",
            "\u{2028}",
            "\u{7f}",
        ] {
            assert_eq!(prepare_password(bad), None, "{bad:?}");
        }
    }
}
