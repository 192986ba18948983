//! The index of search: which messages of a part of a chat have which terms.
//!
//! A block has the postings of about a hundred messages that follow each other, so a search reads
//! the blocks of the searcher's own chats, newest first, and none of any other. Its terms are
//! sorted, each written as what it has other than the one before, and each has the places of its
//! messages among those of the block. It is the layout of the postings of any full-text index
//! (Zobel and Moffat, "Inverted files for text search engines", 2006), in pieces that a row holds.
//!
//! ```text
//! format  1, or 2 when the block is in a span (see [`crate::Span`])
//! ids     count, the first one, then differences: LEB128
//! terms   shared << 4 | length of the rest (15: 15 and what a LEB128 says), the rest, and places:
//!         differences to the one before, each LEB128 of difference << 1 | 1 for the last one
//! ```

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use crate::{Message, Terms, Tick, search::indexed};

/// The first byte of a block, and of one that is in a span.
const FORMAT: u8 = 1;
const SEALED: u8 = 2;
/// The largest number that has a half of a byte for itself.
const NIBBLE: usize = 15;

/// The postings of a block.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Postings {
    /// The messages, in the order of their ids.
    ids: Vec<i64>,
    /// Each term with the places of its messages in `ids`, both in order.
    terms: BTreeMap<String, Vec<usize>>,
    /// True when a span has the terms, too: whoever changes them changes it.
    sealed: bool,
}

/// The bytes of a block are not those of [`Postings::write`], or of a later version of Carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadablePostings;

impl std::error::Error for UnreadablePostings {}

impl fmt::Display for UnreadablePostings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the postings of a block cannot be read")
    }
}

impl Postings {
    /// The most bytes that a block should have. Of so many, SQLite keeps about 900 in the tree, and
    /// the others fill a page; MariaDB has three on a page.
    pub const MAX_BYTES: usize = 4_900;

    /// Reads a block.
    ///
    /// # Errors
    /// [`UnreadablePostings`] for other bytes than [`Self::write`] has made.
    pub fn read(block: &[u8]) -> Result<Self, UnreadablePostings> {
        let sealed = block.first() == Some(&SEALED);
        let mut bytes = Bytes::of(block, &[FORMAT, SEALED])?;
        let (ids, mut terms) = (bytes.ids()?, Vec::<(String, Vec<usize>)>::new());
        let mut term = Vec::new();
        while bytes.next_term(&mut term)? {
            let mut places = Vec::new();
            bytes.places(ids.len(), |place| places.push(place))?;
            let term = String::from_utf8(term.clone()).map_err(|_| UnreadablePostings)?;
            terms.push((term, places));
        }
        // They are in order, so no tree is searched.
        let terms = terms.into_iter().collect();
        Ok(Self { ids, terms, sealed })
    }

    /// Returns the block's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut block = vec![if self.sealed { SEALED } else { FORMAT }];
        push_number(&mut block, self.ids.len() as u64);
        let mut before = 0;
        for id in &self.ids {
            push_number(&mut block, (id - before) as u64);
            before = *id;
        }
        let mut before = "";
        for (term, places) in &self.terms {
            push_term(&mut block, before, term);
            push_places(&mut block, places);
            before = term;
        }
        block
    }

    /// True when a span has the block's terms, too.
    pub fn is_sealed(&self) -> bool {
        self.sealed
    }

    /// Marks the block as one of a span.
    pub fn seal(&mut self) {
        self.sealed = true;
    }

    /// Returns the terms, in order.
    pub(crate) fn terms(&self) -> impl Iterator<Item = &str> {
        self.terms.keys().map(String::as_str)
    }

    /// True when the block has this message, by whichever terms.
    pub fn has(&self, id: Tick) -> bool {
        self.ids.binary_search(&id.0).is_ok()
    }

    /// Takes in a message by the terms that it has now; those that it had before are forgotten.
    pub fn put(&mut self, message: &Message) {
        let (id, terms) = (message.id.0, indexed(message));
        let place = match self.ids.binary_search(&id) {
            Ok(place) => {
                self.forget(place, &terms);
                place
            }
            Err(place) => {
                self.make_room(place, id);
                place
            }
        };
        for term in terms {
            let places = self.terms.entry(term).or_default();
            if let Err(at) = places.binary_search(&place) {
                places.insert(at, place);
            }
        }
    }

    /// Forgets all terms of a message but these.
    fn forget(&mut self, place: usize, but: &BTreeSet<String>) {
        self.terms.retain(|term, places| {
            if let Ok(at) = places.binary_search(&place)
                && !but.contains(term)
            {
                places.remove(at);
            }
            !places.is_empty()
        });
    }

    /// Makes room for a message among the others.
    fn make_room(&mut self, place: usize, id: i64) {
        if place < self.ids.len() {
            let later = self.terms.values_mut().flatten();
            later.filter(|one| **one >= place).for_each(|one| *one += 1);
        }
        self.ids.insert(place, id);
    }

    /// Returns the block in pieces that have up to `max` bytes each, as full as can be but for the
    /// last one, each with the id at which it begins. A piece of one message may be larger.
    pub fn pieces(self, max: usize) -> Vec<(Tick, Vec<u8>)> {
        let (mut pieces, mut rest) = (Vec::new(), self);
        loop {
            let first = Tick(rest.ids.first().copied().unwrap_or_default());
            let (count, block) = (rest.ids.len(), rest.write());
            if block.len() <= max || count < 2 {
                pieces.push((first, block));
                return pieces;
            }
            let mut at = (count * max / block.len()).clamp(1, count - 1);
            let (mut block, mut after) = loop {
                let (piece, after) = rest.split(at);
                let block = piece.write();
                if block.len() <= max || at == 1 {
                    break (block, after);
                }
                at -= (at / 16).max(1);
            };
            // Where the first messages are shorter than the others, more of them fit.
            while block.len() < max * 3 / 4 && at + 1 < count {
                at += 1;
                let (piece, others) = rest.split(at);
                let larger = piece.write();
                if larger.len() > max {
                    break;
                }
                (block, after) = (larger, others);
            }
            pieces.push((first, block));
            rest = after;
        }
    }

    /// Returns the first `at` messages, and the others.
    fn split(&self, at: usize) -> (Self, Self) {
        let (mut left, mut right) = (Self::default(), Self::default());
        left.ids.extend(&self.ids[..at]);
        right.ids.extend(&self.ids[at..]);
        for (term, places) in &self.terms {
            let (before, after) = places.split_at(places.partition_point(|place| *place < at));
            if !before.is_empty() {
                left.terms.insert(term.clone(), before.to_vec());
            }
            if !after.is_empty() {
                let moved = after.iter().map(|place| place - at);
                right.terms.insert(term.clone(), moved.collect());
            }
        }
        (left, right)
    }
}

impl Terms {
    /// Returns the messages of a block that have all the terms as the index knows them, in the
    /// order of their ids: each is matched again.
    ///
    /// # Errors
    /// [`UnreadablePostings`] for other bytes than [`Postings::write`] has made.
    pub fn find_in(&self, block: &[u8]) -> Result<Vec<Tick>, UnreadablePostings> {
        let mut bytes = Bytes::of(block, &[FORMAT, SEALED])?;
        let (ids, wanted) = (bytes.ids()?, self.for_index());
        let mut found = vec![vec![false; ids.len()]; wanted.len()];
        let mut term = Vec::new();
        let greatest = wanted.iter().map(|(code, _)| code.as_bytes()).max();
        while bytes.next_term(&mut term)? {
            // Terms are in order: what follows is no longer of interest.
            if greatest.is_some_and(|code| &*term > code && !term.starts_with(code)) {
                break;
            }
            let of_this = |(code, is_beginning): &(String, bool)| match is_beginning {
                true => term.starts_with(code.as_bytes()),
                false => term == code.as_bytes(),
            };
            match wanted.iter().any(of_this) {
                false => bytes.places(ids.len(), |_| ())?,
                true => bytes.places(ids.len(), |place| {
                    let all = wanted.iter().zip(&mut found);
                    all.filter(|(wanted, _)| of_this(wanted))
                        .for_each(|(_, found)| found[place] = true);
                })?,
            }
        }
        let has_all = |place: &usize| found.iter().all(|found| found[*place]);
        let places = (0..ids.len()).filter(has_all);
        Ok(places.map(|place| Tick(ids[place])).collect())
    }
}

/// What is left of a block that is read.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl<'a> Bytes<'a> {
    /// Begins to read what has one of these formats.
    pub(crate) fn of(block: &'a [u8], formats: &[u8]) -> Result<Self, UnreadablePostings> {
        match block.split_first() {
            Some((format, rest)) if formats.contains(format) => Ok(Self(rest)),
            _ => Err(UnreadablePostings),
        }
    }

    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], UnreadablePostings> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(UnreadablePostings)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn number(&mut self) -> Result<u64, UnreadablePostings> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err(UnreadablePostings)
    }

    fn ids(&mut self) -> Result<Vec<i64>, UnreadablePostings> {
        let (count, mut id) = (self.number()?, 0_i64);
        let mut ids = Vec::new();
        for _ in 0..count {
            let difference = i64::try_from(self.number()?).map_err(|_| UnreadablePostings)?;
            id = id.checked_add(difference).ok_or(UnreadablePostings)?;
            ids.push(id);
        }
        Ok(ids)
    }

    /// Makes the next term of the one before; false at the end.
    pub(crate) fn next_term(&mut self, term: &mut Vec<u8>) -> Result<bool, UnreadablePostings> {
        let Some((&head, rest)) = self.0.split_first() else {
            return Ok(false);
        };
        self.0 = rest;
        let (shared, mut length) = (usize::from(head >> 4), usize::from(head & 0xf));
        if length == NIBBLE {
            let more = usize::try_from(self.number()?).map_err(|_| UnreadablePostings)?;
            length = length.checked_add(more).ok_or(UnreadablePostings)?;
        }
        if shared > term.len() {
            return Err(UnreadablePostings);
        }
        term.truncate(shared);
        term.extend(self.take(length)?);
        Ok(true)
    }

    /// Reads the places of a term, of `count` that there are.
    pub(crate) fn places(
        &mut self,
        count: usize,
        mut each: impl FnMut(usize),
    ) -> Result<(), UnreadablePostings> {
        let mut place = 0_usize;
        loop {
            let number = self.number()?;
            let difference = usize::try_from(number >> 1).map_err(|_| UnreadablePostings)?;
            place = place.checked_add(difference).ok_or(UnreadablePostings)?;
            if place >= count {
                return Err(UnreadablePostings);
            }
            each(place);
            if number & 1 == 1 {
                return Ok(());
            }
        }
    }
}

/// Writes a term as what it has other than the one before.
pub(crate) fn push_term(block: &mut Vec<u8>, before: &str, term: &str) {
    let pairs = term.bytes().zip(before.bytes());
    let shared = pairs.take_while(|(one, other)| one == other).count();
    let shared = shared.min(NIBBLE);
    let rest = &term.as_bytes()[shared..];
    block.push((shared << 4 | rest.len().min(NIBBLE)) as u8);
    if let Some(more) = rest.len().checked_sub(NIBBLE) {
        push_number(block, more as u64);
    }
    block.extend(rest);
}

/// Writes the places of a term.
pub(crate) fn push_places(block: &mut Vec<u8>, places: &[usize]) {
    let mut last = 0;
    for (at, place) in places.iter().enumerate() {
        let is_end = at + 1 == places.len();
        push_number(block, ((place - last) << 1 | usize::from(is_end)) as u64);
        last = *place;
    }
}

/// Writes a number in LEB128.
pub(crate) fn push_number(block: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        block.push(number as u8 | 0x80);
        number >>= 7;
    }
    block.push(number as u8);
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::{ChatId, MessageKind, UserId};

    fn message(id: i64, body: &str) -> Message {
        Message {
            id: Tick(id),
            seq: 1,
            rev: Tick(id),
            created_at: String::new(),
            chat_id: ChatId::new(),
            sender_id: UserId::new(),
            kind: MessageKind::Text,
            subject: None,
            body: body.into(),
            client_id: None,
            system: None,
            reply_to: None,
            mentions: None,
            mentions_all: None,
            attachments: None,
            custom_type: None,
            metadata: None,
            reactions: None,
            edited_at: None,
            deleted: None,
        }
    }

    /// Makes a block of these messages.
    pub(crate) fn postings(messages: &[(i64, &str)]) -> Postings {
        let mut postings = Postings::default();
        for (id, body) in messages {
            postings.put(&message(*id, body));
        }
        postings
    }

    fn found(block: &[u8], query: &str) -> Vec<i64> {
        let terms = Terms::of(query).expect("it has a letter");
        let found = terms.find_in(block).expect("a block");
        found.into_iter().map(|id| id.0).collect()
    }

    #[test]
    fn a_message_is_found_by_all_its_terms_and_their_beginnings() {
        let long = "ж".repeat(300);
        let block = postings(&[
            (5, "The boat"),
            (9, "boats rowing, the oar"),
            (1 << 52, &format!("他说你好 {long}")),
        ])
        .write();
        for (query, expected) in [
            ("boat", vec![5, 9]),
            ("the boats", vec![9]),
            ("oar the", vec![9]),
            ("oat", vec![]),
            ("the mast", vec![]),
            ("你好", vec![1 << 52]),
            ("说好", vec![]),
            ("жжж", vec![1 << 52]),
            (&long, vec![1 << 52]),
        ] {
            assert_eq!(found(&block, query), expected, "{query}");
        }
    }

    #[test]
    fn the_order_in_which_messages_come_makes_no_difference() {
        let messages: Vec<(i64, String)> = (1..60)
            .map(|id| (id * 1_000_003, format!("w{} w{} of {id}", id % 7, id % 11)))
            .collect();
        let borrowed: Vec<_> = messages.iter().map(|(id, body)| (*id, &**body)).collect();
        let ordered = postings(&borrowed);
        let mut shuffled = borrowed.clone();
        // 37 has no factor in common with 59.
        shuffled.sort_by_key(|(id, _)| id * 37 % 59);
        assert_ne!(shuffled, borrowed);
        assert_eq!(postings(&shuffled), ordered);
        let twice = [borrowed, shuffled].concat();
        assert_eq!(postings(&twice), ordered, "nor whether they come twice");
        assert_eq!(Postings::read(&ordered.write()), Ok(ordered));
    }

    #[test]
    fn a_message_that_changed_is_found_by_what_it_has_now() {
        let mut all = postings(&[(1, "apple pie"), (2, "apple"), (3, "pear")]);
        all.put(&message(1, "cherry pie"));
        all.put(&message(3, "pear").tombstone());
        let block = all.write();
        assert_eq!(found(&block, "apple"), [2]);
        assert_eq!(found(&block, "pie"), [1]);
        assert_eq!(found(&block, "cherry"), [1]);
        assert_eq!(found(&block, "pear"), [0; 0]);
        assert!(all.has(Tick(3)) && !all.has(Tick(4)), "it was seen");
        assert!(!block.windows(4).any(|part| part == b"pear"), "no trace");
    }

    #[test]
    fn a_large_block_is_cut_into_full_ones_and_nothing_is_lost() {
        let bodies: Vec<_> = (0..2000)
            .map(|at| format!("common word{} and {} other{}", at % 50, at * 7919, at / 3))
            .collect();
        let messages: Vec<_> = (0..2000).zip(bodies.iter().map(String::as_str)).collect();
        let all = postings(&messages);
        let whole = all.write();
        let pieces = all.pieces(Postings::MAX_BYTES);
        assert!(pieces.len() > 2, "{}", whole.len());
        let (_, full) = pieces.split_last().expect("some");
        for (_, block) in full {
            let size = block.len();
            let is_full = (Postings::MAX_BYTES * 3 / 4..=Postings::MAX_BYTES).contains(&size);
            assert!(is_full, "{size}");
        }
        for query in ["common", "word7", "and", "7919", "common other1", "x"] {
            let parts = pieces.iter().map(|(_, block)| found(block, query));
            let parts: Vec<_> = parts.collect();
            assert_eq!(parts.concat(), found(&whole, query), "{query}");
        }
        for pair in pieces.windows(2) {
            let last = *found(&pair[0].1, "common").last().expect("some");
            assert!(Tick(last) < pair[1].0, "each begins where it says");
        }
        let words = |at: usize| {
            (0..900)
                .map(|one| format!("{at}x{one} "))
                .collect::<String>()
        };
        let uneven: Vec<_> = (0..20)
            .map(|at| match at {
                8..12 => "short".to_owned(),
                _ => words(at as usize),
            })
            .collect();
        let uneven: Vec<_> = (0..20).zip(uneven.iter().map(String::as_str)).collect();
        let pieces = postings(&uneven).pieces(Postings::MAX_BYTES);
        assert!(pieces.len() <= 17, "short messages are together");
        let long = "a".repeat(79) + " " + &(0..3000).map(|at| format!("{at} ")).collect::<String>();
        let pieces = postings(&[(1, &long), (2, &long)]).pieces(Postings::MAX_BYTES);
        assert_eq!(pieces.len(), 2, "a long message is alone");
    }

    #[test]
    fn other_bytes_are_an_error_and_no_panic() {
        let block = postings(&[(1, "some words in it"), (300, "and others")]).write();
        let terms = Terms::of("words").expect("a word");
        for end in 0..block.len() {
            let part = &block[..end];
            let _ = (Postings::read(part), terms.find_in(part));
        }
        for (at, byte) in (0..block.len()).flat_map(|at| (0..=255).map(move |byte| (at, byte))) {
            let mut other = block.clone();
            other[at] = byte;
            let _ = (Postings::read(&other), terms.find_in(&other));
        }
        for block in [&[][..], &[3, 0], &[1], &[1, 1]] {
            assert_eq!(Postings::read(block), Err(UnreadablePostings));
            assert_eq!(terms.find_in(block), Err(UnreadablePostings));
        }
    }
}
