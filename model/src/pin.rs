//! The messages that are pinned in a chat: the list that is stored, and the page of them.

use std::{collections::HashMap, fmt, fmt::Display, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{Message, ParseError, Tick};

/// The most messages that are pinned in a chat.
pub const MAX_PINS: usize = 50;

/// The ids of the messages that are pinned in a chat, the newest pin first; at most [`MAX_PINS`].
///
/// The text, in Redis and in SQL, is the ids with commas between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins(Vec<Tick>);

impl Pins {
    /// Iterates over the ids, the newest pin first.
    pub fn iter(&self) -> impl Iterator<Item = Tick> + '_ {
        self.0.iter().copied()
    }
}

impl Display for Pins {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, id) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{id}")?;
        }
        Ok(())
    }
}

impl FromStr for Pins {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let id = |id: &str| id.parse().map(Tick);
        let ids = text.split(',').filter(|id| !id.is_empty()).map(id);
        let ids = ids.collect::<Result<_, _>>();
        ids.map(Self).map_err(|_| ParseError("ids with commas"))
    }
}

/// The pinned messages of a chat, the newest pin first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::Object),
    oai(skip_serializing_if_is_none)
)]
pub struct PinnedMessages {
    /// The messages, the newest pin first.
    pub items: Vec<Message>,
    /// The value of `after` for the next page; absent when there are no more. Only long messages
    /// need a second page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Tick>,
    /// The caller's own reactions to these messages: emojis by the id of the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub my_reactions: Option<HashMap<String, Vec<String>>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_as_they_were_written() {
        for text in ["", "7", "9,7,8"] {
            let pins: Pins = text.parse().expect("our own");
            assert_eq!(pins.to_string(), text);
        }
        assert_eq!(
            Vec::from_iter("9,7".parse::<Pins>().expect("ids").iter()),
            [Tick(9), Tick(7)]
        );
        assert!("7,x".parse::<Pins>().is_err());
    }
}
