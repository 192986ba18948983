//! The places of objects in the store.

use std::fmt;

use model::ChatId;
use object_store::path::Path;

use crate::FileHash;

/// A part of the store; files of different spaces are apart even when they have the same bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Space {
    /// The attachments of one chat. Another chat has a copy of its own: a reader of one must
    /// learn nothing of the other, and each is deleted with its chat.
    Attachments(ChatId),
    /// The avatars of all users and groups.
    Avatars,
}

/// The size of a smaller picture on its longer edge, at most. There are two, so that no client can
/// have the store filled with sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Size {
    /// 128 px, for lists.
    Small,
    /// 512 px, for conversations and profiles.
    Large,
}

impl Size {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// Returns the smallest size that is not smaller than `edge` pixels, else the largest.
    pub fn at_least(edge: u32) -> Self {
        if edge <= Self::Small.edge() {
            Self::Small
        } else {
            Self::Large
        }
    }

    /// Returns the length of the longer edge, in pixels.
    pub fn edge(self) -> u32 {
        match self {
            Self::Small => 128,
            Self::Large => 512,
        }
    }
}

impl Space {
    /// Returns the folder of all objects of the space.
    pub(crate) fn folder(self) -> Path {
        Path::from(self.to_string())
    }

    /// Returns the path of the original with this hash.
    pub(crate) fn original(self, hash: &FileHash) -> Path {
        Path::from(format!("{self}/{hash}"))
    }

    /// Returns the path of the smaller copy of the original with this hash.
    pub(crate) fn smaller(self, hash: &FileHash, size: Size) -> Path {
        Path::from(format!("{self}/{hash}.{}.webp", size.edge()))
    }

    /// Returns the space and the hash that a path belongs to, be it of the original or of a smaller
    /// copy; `None` for anything else in the store.
    pub(crate) fn owner(path: &Path) -> Option<(Self, FileHash)> {
        let parts: Vec<_> = path.parts().collect();
        let parts: Vec<_> = parts.iter().map(AsRef::as_ref).collect();
        let (space, name) = match parts[..] {
            ["attachments", chat, name] => (Self::Attachments(chat.parse().ok()?), name),
            ["avatars", name] => (Self::Avatars, name),
            _ => return None,
        };
        let hash = name.split('.').next()?.parse().ok()?;
        let ours = *path == space.original(&hash)
            || Size::ALL
                .iter()
                .any(|size| *path == space.smaller(&hash, *size));
        ours.then_some((space, hash))
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Attachments(chat) => write!(f, "attachments/{chat}"),
            Self::Avatars => f.write_str("avatars"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_traced_to_its_space_and_hash() {
        let hash = FileHash::of(b"abc");
        for space in [Space::Avatars, Space::Attachments(ChatId::new())] {
            assert_eq!(Space::owner(&space.original(&hash)), Some((space, hash)));
            assert_eq!(
                Space::owner(&space.smaller(&hash, Size::Small)),
                Some((space, hash))
            );
            assert_eq!(
                Space::owner(&space.smaller(&hash, Size::Large)),
                Some((space, hash))
            );
        }
        for other in [
            "probe-1",
            "avatars",
            "avatars/readme.txt",
            &format!("avatars/{hash}.64.webp"),
            &format!("attachments/{hash}"),
            &format!("x/{hash}"),
        ] {
            assert_eq!(Space::owner(&Path::from(other)), None, "{other}");
        }
    }

    #[test]
    fn a_size_is_never_smaller_than_asked_for_while_there_is_a_larger_one() {
        assert_eq!(
            [0, 128, 129, 512, 513, u32::MAX].map(|edge| Size::at_least(edge).edge()),
            [128, 128, 512, 512, 512, 512]
        );
    }
}
