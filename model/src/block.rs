//! The blocks between the two people of a direct chat.

use std::{fmt, str::FromStr};

use crate::{ParseError, Tick, UserId};

/// The last word of a person on whether they block the other of a direct chat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    user: UserId,
    /// The rev of the person's own private row that says so: the later of two words wins.
    since: Tick,
    /// False once the block has ended.
    active: bool,
}

/// The last words of a direct chat's two people on whether they block each other, each at most
/// once; empty in a group.
///
/// The text, in Redis and in SQL, is `user:since:1`, or `user:since:0` for a block that has ended,
/// with a space between two.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blocks(Vec<Block>);

impl Blocks {
    /// True when one of the two blocks the other at present.
    pub fn any_active(&self) -> bool {
        self.0.iter().any(|block| block.active)
    }

    /// True when the chat already has the word of `user` from their private row of the rev `since`,
    /// or a later one.
    pub fn is_known(&self, user: UserId, since: Tick) -> bool {
        self.0
            .iter()
            .any(|block| block.user == user && block.since >= since)
    }
}

impl fmt::Display for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, block) in self.0.iter().enumerate() {
            let space = if at == 0 { "" } else { " " };
            let active = u8::from(block.active);
            write!(f, "{space}{}:{}:{active}", block.user, block.since)?;
        }
        Ok(())
    }
}

impl FromStr for Blocks {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let block = |word: &str| {
            let (user, rest) = word.split_once(':')?;
            let (since, active) = rest.split_once(':')?;
            Some(Block {
                user: user.parse().ok()?,
                since: Tick(since.parse().ok()?),
                active: match active {
                    "1" => true,
                    "0" => false,
                    _ => return None,
                },
            })
        };
        text.split_ascii_whitespace()
            .map(|word| {
                block(word).ok_or(ParseError("`user:since:1` or `user:since:0`, with spaces"))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_that_has_ended_is_not_active_though_its_tick_begins_with_1() {
        let (ann, bob) = (UserId::new(), UserId::new());
        let ended = format!("{ann}:1763668800123457:0");
        let blocks: Blocks = ended.parse().expect("our own");
        assert!(!blocks.any_active());
        let blocks: Blocks = format!("{ended} {bob}:5:1").parse().expect("our own");
        assert!(blocks.any_active());
        assert!(!Blocks::default().any_active());
    }

    #[test]
    fn a_word_is_known_with_its_rev_and_with_an_earlier_one() {
        let (ann, bob) = (UserId::new(), UserId::new());
        let blocks: Blocks = format!("{ann}:5:0").parse().expect("our own");
        assert_eq!(
            [4, 5, 6].map(|since| blocks.is_known(ann, Tick(since))),
            [true, true, false]
        );
        assert!(!blocks.is_known(bob, Tick(4)));
    }

    #[test]
    fn the_text_is_what_it_is_read_from_and_nothing_else_is_read() {
        let (ann, bob) = (UserId::new(), UserId::new());
        for text in [
            String::new(),
            format!("{ann}:5:1"),
            format!("{ann}:5:0 {bob}:1763668800123457:1"),
        ] {
            let blocks: Blocks = text.parse().expect("our own");
            assert_eq!(blocks.to_string(), text);
        }
        for wrong in [
            "ann:5:1".into(),
            format!("{ann}:5"),
            format!("{ann}:5:2"),
            format!("{ann}:x:1"),
            format!("{ann}:5:1:"),
        ] {
            assert!(wrong.parse::<Blocks>().is_err(), "{wrong}");
        }
    }
}
