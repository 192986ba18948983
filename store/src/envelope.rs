//! What is published to a user's inbox: a line that says what it is about, then the event as its reader gets it, if it is the same for all.

use std::fmt::Write;

use bytes::Bytes;
use model::{ChatId, Tick};

/// What an inbox is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Envelope {
    /// A chat changed at `clock`; the change before it that its members were told of was at `prev`. Without an event, whoever serves the user looks for
    /// themselves what there is for this reader.
    Changed {
        /// Which chat.
        chat: ChatId,
        /// The told change before.
        prev: Tick,
        /// This one.
        clock: Tick,
        /// The event, as it is sent.
        event: Bytes,
    },
    /// All changes of a chat up to `saved` are in SQL, and its members were told of one at `told`. The oldest of what was just saved is `from`.
    Saved {
        /// Which chat.
        chat: ChatId,
        /// Up to where.
        saved: Tick,
        /// The last told change.
        told: Tick,
        /// The oldest saved just now.
        from: Tick,
    },
    /// What is the user's alone changed: their account, or how they keep a chat.
    Own {
        /// The newest of it.
        rev: Tick,
        /// The oldest.
        from: Tick,
    },
    /// The session with this hash has ended; all have, if it is empty.
    Ended {
        /// Which.
        session: String,
    },
    /// An event that nothing is missing without.
    Event(Bytes),
}

impl Envelope {
    /// What is published.
    pub fn write(&self) -> Bytes {
        let mut line = String::with_capacity(128);
        let mut event: &[u8] = &[];
        match self {
            Self::Changed { chat, prev, clock, event: its } => {
                write!(line, "c {chat} {prev} {clock}").expect("a string takes all that is written to it");
                event = its;
            }
            Self::Saved { chat, saved, told, from } => {
                write!(line, "s {chat} {saved} {told} {from}").expect("a string takes all that is written to it");
            }
            Self::Own { rev, from } => write!(line, "o {rev} {from}").expect("a string takes all that is written to it"),
            Self::Ended { session } => write!(line, "x {session}").expect("a string takes all that is written to it"),
            Self::Event(its) => {
                line.push('e');
                event = its;
            }
        }
        let mut bytes = Vec::with_capacity(line.len() + 1 + event.len());
        bytes.extend_from_slice(line.as_bytes());
        bytes.push(b'\n');
        bytes.extend_from_slice(event);
        bytes.into()
    }

    /// What was published; the event shares its bytes. `None`: another version of Carrier wrote it.
    pub fn read(bytes: &Bytes) -> Option<Self> {
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let event = bytes.slice(end + 1..);
        let mut words = std::str::from_utf8(&bytes[..end]).ok()?.split(' ');
        let kind = words.next()?;
        let mut next = || words.next();
        let tick = |word: Option<&str>| word?.parse().ok().map(Tick);
        Some(match kind {
            "c" => Self::Changed { chat: next()?.parse().ok()?, prev: tick(next())?, clock: tick(next())?, event },
            "s" => Self::Saved { chat: next()?.parse().ok()?, saved: tick(next())?, told: tick(next())?, from: tick(next())? },
            "o" => Self::Own { rev: tick(next())?, from: tick(next())? },
            "x" => Self::Ended { session: next()?.to_owned() },
            "e" => Self::Event(event),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_is_read_as_it_was_written() {
        let (chat, event) = (ChatId::new(), Bytes::from_static(b"{\"type\":\"x\"}\nmore"));
        for envelope in [
            Envelope::Changed { chat, prev: Tick(1), clock: Tick(2), event: event.clone() },
            Envelope::Changed { chat, prev: Tick(1), clock: Tick(2), event: Bytes::new() },
            Envelope::Saved { chat, saved: Tick(3), told: Tick(2), from: Tick(1) },
            Envelope::Own { rev: Tick(7), from: Tick(6) },
            Envelope::Ended { session: "ab".into() },
            Envelope::Ended { session: String::new() },
            Envelope::Event(event),
        ] {
            assert_eq!(Envelope::read(&envelope.write()), Some(envelope));
        }
        for other in ["", "c", "z 1\n", "c x 1 2\n", "s\n", "o\n"] {
            assert_eq!(Envelope::read(&Bytes::from_static(other.as_bytes())), None, "{other:?}");
        }
    }
}
