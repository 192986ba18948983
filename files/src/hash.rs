//! The name of a file.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The SHA-256 of a file's bytes. Its text is 64 digits of lower-case hexadecimal and nothing else,
/// so that a file has one name.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FileHash([u8; 32]);

/// An error of reading a text that is no [`FileHash`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a hash has 64 digits of lower-case hexadecimal")]
pub struct NotAHash;

impl FileHash {
    /// Returns the name of a file with these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    pub(crate) fn finish(hasher: Sha256) -> Self {
        Self(hasher.finalize().into())
    }
}

impl fmt::Display for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FileHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileHash({self})")
    }
}

impl FromStr for FileHash {
    type Err = NotAHash;

    fn from_str(text: &str) -> Result<Self, NotAHash> {
        let digit = |digit: u8| match digit {
            b'0'..=b'9' => Ok(digit - b'0'),
            b'a'..=b'f' => Ok(digit - b'a' + 10),
            _ => Err(NotAHash),
        };
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != 32 || !rest.is_empty() {
            return Err(NotAHash);
        }
        let mut bytes = [0; 32];
        for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
            *byte = digit(*high)? << 4 | digit(*low)?;
        }
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for FileHash {
    type Error = NotAHash;

    fn try_from(text: String) -> Result<Self, NotAHash> {
        text.parse()
    }
}

impl From<FileHash> for String {
    fn from(hash: FileHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // FIPS 180-2, appendix B.1.
    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    #[test]
    fn a_hash_is_written_as_it_is_read() {
        assert_eq!(FileHash::of(b"abc").to_string(), ABC);
        assert_eq!(ABC.parse(), Ok(FileHash::of(b"abc")));
        assert_eq!(
            serde_json::from_str::<FileHash>(&format!("{ABC:?}")).expect("a hash"),
            FileHash::of(b"abc")
        );
        assert_eq!(
            serde_json::to_string(&FileHash::of(b"abc")).expect("JSON"),
            format!("{ABC:?}")
        );
    }

    #[test]
    fn nothing_else_is_a_hash() {
        let wrong = [
            &ABC[1..],
            &ABC[2..],
            &format!("{ABC}0"),
            &format!("{ABC}00"),
            &ABC.to_uppercase(),
            &ABC.replace('b', "+"),
            "",
        ];
        for text in wrong {
            assert_eq!(text.parse::<FileHash>(), Err(NotAHash), "{text:?}");
        }
        assert!(serde_json::from_str::<FileHash>("\"../../passwd\"").is_err());
    }
}
