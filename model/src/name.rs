//! Unique names: usernames, e-mail addresses and ids of other products; and the names that are
//! shown. Only this module folds them.

use std::fmt;

use crate::letters::fold_letters;

/// Characters of a folded name that SQL has room for. A letter may be folded to eighteen.
const MAX_SHOWN: usize = 192;

/// The kind of a unique name; each is a namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// A username: 3 to 32 characters of `a-z A-Z 0-9 _ . -`.
    Username,
    /// An e-mail address.
    Email,
    /// The id of a user in the product that Carrier is a part of; see [`is_external_id`].
    External,
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "username",
            Self::Email => "email",
            Self::External => "external",
        })
    }
}

/// A name in the form in which it is unique.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// The namespace.
    pub kind: NameKind,
    /// The folded text.
    pub folded: String,
}

impl Name {
    /// Returns the unique form of `text`. An external id is as it is: another product may tell
    /// `a` from `A`.
    pub fn new(kind: NameKind, text: &str) -> Self {
        let folded = match kind {
            NameKind::External => text.to_owned(),
            NameKind::Username | NameKind::Email => fold(text),
        };
        Self { kind, folded }
    }

    /// Returns the name that a person typed to log in or to name another. An address has an `@`; a
    /// username cannot have one.
    pub fn guess(text: &str) -> Self {
        Self::new(
            if text.contains('@') {
                NameKind::Email
            } else {
                NameKind::Username
            },
            text,
        )
    }
}

/// True for a text that may be an external id: 1 to 128 of `a-z A-Z 0-9 . _ : @ | + = ~ -`. Ids of
/// the usual databases and identity providers are, as `42`, a UUID, `auth0|5f7c` or an address.
pub fn is_external_id(text: &str) -> bool {
    let is_one = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@|+=~-".contains(&byte);
    (1..=128).contains(&text.len()) && text.bytes().all(is_one)
}

/// Returns the folded text: names that differ only in case, or in white space around them, are one.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}

/// Returns a display name, or the beginning of one, in the form in which people are looked for:
/// names that are the same to those who read are one.
pub fn fold_shown(text: &str) -> String {
    let folded = fold_letters(text.trim());
    folded.chars().take(MAX_SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_differ_in_case_or_outer_white_space_are_one() {
        for (one, other) in [("Ann", "ann"), (" ann\n", "ANN"), ("ÄNNE", "änne")] {
            assert_eq!(fold(one), fold(other));
        }
        assert_ne!(fold("an n"), fold("ann"));
    }

    #[test]
    fn a_display_name_is_folded_as_the_words_of_a_text_are_and_fits_into_sql() {
        for (one, other) in [
            (" Zoë\n", "ZOE"),
            ("Łukasz", "lukasz"),
            ("İbrahim", "ibrahim"),
            ("Nora O\u{2019}Brien", "Nora O'Brien"),
            ("Мар\u{2bc}яна", "Мар'яна"),
        ] {
            assert_eq!(fold_shown(one), fold_shown(other));
        }
        assert_eq!(fold_shown("Ann  O'Hara %"), "ann  o'hara %");
        assert_eq!(
            fold_shown(&"\u{fdfa}".repeat(64)).chars().count(),
            MAX_SHOWN
        );
    }

    #[test]
    fn an_external_id_is_what_a_product_calls_its_user_and_is_told_by_case() {
        let uuid = "0190a0b0-0000-7000-8000-0000000000a5";
        for id in ["42", uuid, "auth0|5f7c", "ann+1@example.org", "a=b~c:d"] {
            assert!(is_external_id(id), "{id}");
        }
        let long = "a".repeat(129);
        for wrong in ["", " 42", "a b", "a;b", "a/b", "ä", "a\n", "a%20b", &long] {
            assert!(!is_external_id(wrong), "{wrong}");
        }
        let name = |text| Name::new(NameKind::External, text);
        assert_ne!(name("a"), name("A"));
    }

    #[test]
    fn an_address_has_an_at_sign_and_a_username_has_none() {
        assert_eq!(
            Name::guess("Ann@Example.org"),
            Name::new(NameKind::Email, "ann@example.org")
        );
        assert_eq!(Name::guess("Ann"), Name::new(NameKind::Username, "ann"));
    }
}
