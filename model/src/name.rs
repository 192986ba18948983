//! Unique names: usernames and e-mail addresses, folded once and here.

use std::fmt;

/// What a unique name is used for; each kind is a namespace of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NameKind {
    /// 3..=32 of `a-z A-Z 0-9 _ . -`.
    Username,
    /// An e-mail address.
    Email,
}

impl fmt::Display for NameKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Username => "username",
            Self::Email => "email",
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
    /// The unique form of `text`.
    pub fn new(kind: NameKind, text: &str) -> Self {
        Self { kind, folded: fold(text) }
    }

    /// Whatever a person typed to log in or to name another: an address has an `@`, a username cannot.
    pub fn guess(text: &str) -> Self {
        Self::new(if text.contains('@') { NameKind::Email } else { NameKind::Username }, text)
    }
}

/// Two names that differ only in case are one name.
pub fn fold(text: &str) -> String {
    text.trim().to_lowercase()
}
