//! The index of search of a long part of a chat: which blocks of postings have which terms.
//!
//! A rare word is in few of the blocks of a large chat. So the terms of some hundred old blocks
//! that follow each other are put together, each with the numbers of the blocks that have it: a
//! *span*. Its terms are in order, in *parts* of about a kilobyte, each a row of its own, and the
//! span itself knows at which term each part begins. A search reads one part of each span for each
//! of its words, and then only the blocks that have all of them.
//!
//! A span has the beginnings of terms only: what it names is looked for in the block.
//!
//! ```text
//! span    format 1; blocks: count, the first ids, as differences in zigzag and LEB128;
//!         parts: count, the first term of each: length and bytes
//! part    format 1; terms: as in a block, each with the numbers of its blocks: as the places of a
//!         block, or, if that is longer, 0, 0, the length of a bitmap and its bytes, low bits first
//! ```

use std::collections::{BTreeSet, HashMap};

use crate::{
    Postings, Terms, Tick, UnreadablePostings,
    postings::{Bytes, push_number, push_places, push_term},
};

/// The first byte of a span and of a part.
const FORMAT: u8 = 1;
/// The characters of a term that a span has.
const CHARACTERS: usize = 8;
/// The most bytes that a part should have: SQLite keeps a row of a quarter of a page in its tree.
const PART_BYTES: usize = 940;

/// The blocks of a long part of a chat, and the terms at which the parts of its index begin.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// The first ids of the blocks, in order.
    blocks: Vec<i64>,
    /// The first term of each part; the first part has all that is before it, too.
    parts: Vec<String>,
}

/// A part of a span: terms, and the numbers of the blocks that have each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SpanPart(Vec<(String, Vec<usize>)>);

impl Postings {
    /// Returns the terms of the block as a span has them.
    pub fn span_terms(&self) -> BTreeSet<String> {
        self.terms()
            .map(|term| beginning(term).to_owned())
            .collect()
    }
}

impl Span {
    /// Makes the span of these blocks, each with its first id, and its parts.
    pub fn of(blocks: &[(Tick, Postings)]) -> (Self, Vec<SpanPart>) {
        let mut terms = HashMap::<&str, Vec<usize>>::new();
        for (number, (_, block)) in blocks.iter().enumerate() {
            for term in block.terms() {
                let numbers = terms.entry(beginning(term)).or_default();
                if numbers.last() != Some(&number) {
                    numbers.push(number);
                }
            }
        }
        let mut terms: Vec<_> = terms.into_iter().collect();
        terms.sort_unstable();
        let (mut parts, mut bytes) = (vec![SpanPart::default()], 0);
        for (term, numbers) in terms {
            let last = parts.last_mut().expect("there is one");
            let before = last.0.last().map_or("", |(term, _)| term);
            let mut written = Vec::new();
            push_term(&mut written, before, term);
            push_numbers(&mut written, &numbers);
            bytes += written.len();
            let one = (term.to_owned(), numbers);
            if bytes <= PART_BYTES {
                last.0.push(one);
            } else {
                bytes = written.len() + before.len();
                parts.push(SpanPart(vec![one]));
            }
        }
        let first_of =
            |part: &SpanPart| part.0.first().map_or_else(String::new, |one| one.0.clone());
        let span = Self {
            blocks: blocks.iter().map(|(first, _)| first.0).collect(),
            parts: parts.iter().map(first_of).collect(),
        };
        (span, parts)
    }

    /// Reads a span.
    ///
    /// # Errors
    /// [`UnreadablePostings`] for other bytes than [`Self::write`] has made.
    pub fn read(bytes: &[u8]) -> Result<Self, UnreadablePostings> {
        let (mut bytes, mut span) = (Bytes::of(bytes, &[FORMAT])?, Self::default());
        let mut first = 0_i64;
        for _ in 0..bytes.number()? {
            let zigzag = bytes.number()?;
            let difference = (zigzag >> 1) as i64 ^ -((zigzag & 1) as i64);
            first = first.checked_add(difference).ok_or(UnreadablePostings)?;
            span.blocks.push(first);
        }
        for _ in 0..bytes.number()? {
            let length = usize::try_from(bytes.number()?).map_err(|_| UnreadablePostings)?;
            let term = bytes.take(length)?.to_vec();
            span.parts
                .push(String::from_utf8(term).map_err(|_| UnreadablePostings)?);
        }
        Ok(span)
    }

    /// Returns the span's bytes.
    pub fn write(&self) -> Vec<u8> {
        let mut bytes = vec![FORMAT];
        push_number(&mut bytes, self.blocks.len() as u64);
        let mut before = 0;
        for first in &self.blocks {
            let difference = first.wrapping_sub(before);
            push_number(&mut bytes, (difference << 1 ^ difference >> 63) as u64);
            before = *first;
        }
        push_number(&mut bytes, self.parts.len() as u64);
        for term in &self.parts {
            push_number(&mut bytes, term.len() as u64);
            bytes.extend(term.as_bytes());
        }
        bytes
    }

    /// Returns the number of its blocks.
    #[allow(clippy::len_without_is_empty)] // there is at least one
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Returns the number of the block that begins there.
    pub fn number_of(&self, block: Tick) -> Option<usize> {
        self.blocks.binary_search(&block.0).ok()
    }

    /// Returns the number of the part to which a term belongs.
    pub fn part_of(&self, term: &str) -> usize {
        let later = self.parts.partition_point(|first| first.as_str() <= term);
        later.saturating_sub(1)
    }

    /// Returns the numbers of the parts that may have the terms.
    pub fn parts_with(&self, terms: &Terms) -> BTreeSet<usize> {
        let mut parts = BTreeSet::new();
        for (term, is_beginning) in wanted(terms) {
            let first = self.part_of(&term);
            let others = self.parts.iter().enumerate().skip(first + 1);
            let others = others.take_while(|(_, other)| is_beginning && other.starts_with(&term));
            parts.extend(others.map(|(at, _)| at));
            parts.insert(first);
        }
        parts
    }

    /// Returns the first ids of the blocks that may have all the terms, in order, by the bytes of
    /// the parts that may have them.
    ///
    /// # Errors
    /// [`UnreadablePostings`] for other bytes than [`SpanPart::write`] has made.
    pub fn blocks_with<'a>(
        &self,
        terms: &Terms,
        parts: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Vec<Tick>, UnreadablePostings> {
        let wanted = wanted(terms);
        let mut found = vec![vec![false; self.blocks.len()]; wanted.len()];
        for part in parts {
            let (mut bytes, mut term) = (Bytes::of(part, &[FORMAT])?, Vec::new());
            while bytes.next_term(&mut term)? {
                let mut of_this = Vec::new();
                for (at, (code, is_beginning)) in wanted.iter().enumerate() {
                    let is_it = match is_beginning {
                        true => term.starts_with(code.as_bytes()),
                        false => term == code.as_bytes(),
                    };
                    if is_it {
                        of_this.push(at);
                    }
                }
                bytes.numbers(self.blocks.len(), |number| {
                    of_this.iter().for_each(|at| found[*at][number] = true);
                })?;
            }
        }
        let has_all = |number: &usize| found.iter().all(|found| found[*number]);
        let numbers = (0..self.blocks.len()).filter(has_all);
        Ok(numbers.map(|number| Tick(self.blocks[number])).collect())
    }
}

impl SpanPart {
    /// Reads a part of a span that has so many blocks.
    ///
    /// # Errors
    /// [`UnreadablePostings`] for other bytes than [`Self::write`] has made.
    pub fn read(bytes: &[u8], blocks: usize) -> Result<Self, UnreadablePostings> {
        let (mut bytes, mut term) = (Bytes::of(bytes, &[FORMAT])?, Vec::new());
        let mut part = Self::default();
        while bytes.next_term(&mut term)? {
            let mut numbers = Vec::new();
            bytes.numbers(blocks, |number| numbers.push(number))?;
            let term = String::from_utf8(term.clone()).map_err(|_| UnreadablePostings)?;
            part.0.push((term, numbers));
        }
        Ok(part)
    }

    /// Returns the part's bytes.
    pub fn write(&self) -> Vec<u8> {
        let (mut bytes, mut before) = (vec![FORMAT], "");
        for (term, numbers) in &self.0 {
            push_term(&mut bytes, before, term);
            push_numbers(&mut bytes, numbers);
            before = term;
        }
        bytes
    }

    /// Returns the terms, in order, each with the numbers of its blocks.
    pub fn terms(&self) -> impl Iterator<Item = (String, Vec<usize>)> {
        self.0.iter().cloned()
    }

    /// Notes whether a block has a term.
    pub fn put(&mut self, term: &str, block: usize, has: bool) {
        match (
            self.0.binary_search_by(|(one, _)| one.as_str().cmp(term)),
            has,
        ) {
            (Ok(at), has) => {
                let numbers = &mut self.0[at].1;
                match (numbers.binary_search(&block), has) {
                    (Err(place), true) => numbers.insert(place, block),
                    (Ok(place), false) => drop(numbers.remove(place)),
                    _ => {}
                }
                if numbers.is_empty() {
                    self.0.remove(at);
                }
            }
            (Err(at), true) => self.0.insert(at, (term.to_owned(), vec![block])),
            (Err(_), false) => {}
        }
    }
}

impl Bytes<'_> {
    /// Reads the numbers of the blocks of a term, of `count` that there are.
    fn numbers(
        &mut self,
        count: usize,
        mut each: impl FnMut(usize),
    ) -> Result<(), UnreadablePostings> {
        let Some(rest) = self.0.strip_prefix(&[0, 0]) else {
            return self.places(count, each);
        };
        self.0 = rest;
        let length = usize::try_from(self.number()?).map_err(|_| UnreadablePostings)?;
        for (at, byte) in self.take(length)?.iter().enumerate() {
            for bit in (0..8).filter(|bit| byte >> bit & 1 == 1) {
                let number = at * 8 + bit;
                if number >= count {
                    return Err(UnreadablePostings);
                }
                each(number);
            }
        }
        Ok(())
    }
}

/// Writes the numbers of the blocks of a term. (No list begins with two zeros: the first is that of
/// block 0, and the next block has a higher number.)
fn push_numbers(bytes: &mut Vec<u8>, numbers: &[usize]) {
    let length = numbers.last().map_or(0, |last| last / 8 + 1);
    if numbers.len() <= length + 3 {
        return push_places(bytes, numbers);
    }
    bytes.extend([0, 0]);
    push_number(bytes, length as u64);
    let begin = bytes.len();
    bytes.resize(begin + length, 0);
    for number in numbers {
        bytes[begin + number / 8] |= 1 << (number % 8);
    }
}

/// Returns the beginning of a term that a span has.
fn beginning(term: &str) -> &str {
    let end = term.char_indices().nth(CHARACTERS);
    end.map_or(term, |(end, _)| &term[..end])
}

/// Returns the terms as spans have them, each with true when longer ones that begin so match too.
fn wanted(terms: &Terms) -> Vec<(String, bool)> {
    let terms = terms.for_index().into_iter();
    let cut = terms.map(|(term, is_beginning)| (beginning(&term).to_owned(), is_beginning));
    cut.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postings::tests::postings;

    /// Makes blocks of ten messages: block `n` has `wordN`, and those that divide by ten `tens`.
    fn blocks() -> Vec<(Tick, Postings)> {
        let block = |number: i64| {
            let text = |at: i64| {
                let tens = if number % 10 == 0 { "tens" } else { "others" };
                format!(
                    "common {tens} word{number} message{number}number{at} {}x 他说",
                    number * 7919 + at
                )
            };
            let all: Vec<_> = (0..10).map(|at| (number * 1000 + at, text(at))).collect();
            let all: Vec<_> = all.iter().map(|(id, text)| (*id, &**text)).collect();
            let first = if number == 0 { 0 } else { number * 1000 };
            (Tick(first), postings(&all))
        };
        (0..130).map(block).collect()
    }

    fn found(span: &Span, parts: &[SpanPart], query: &str) -> Vec<i64> {
        let terms = Terms::of(query).expect("it has a letter");
        let parts: Vec<_> = parts.iter().map(SpanPart::write).collect();
        let some = span.parts_with(&terms);
        let some = some.iter().map(|part| parts[*part].as_slice());
        let found = span.blocks_with(&terms, some).expect("a span");
        found.into_iter().map(|first| first.0 / 1000).collect()
    }

    #[test]
    fn a_term_and_a_beginning_name_the_blocks_that_have_it() {
        let blocks = blocks();
        let (span, parts) = Span::of(&blocks);
        assert_eq!(Span::read(&span.write()), Ok(span.clone()));
        assert!(parts.len() > 2, "{}", parts.len());
        for part in &parts {
            assert!(part.write().len() <= PART_BYTES + 1);
            assert_eq!(SpanPart::read(&part.write(), 130), Ok(part.clone()));
        }
        let tens: Vec<_> = (0..130).step_by(10).collect();
        for (query, expected) in [
            ("common", (0..130).collect()),
            ("comm", (0..130).collect()),
            ("tens", tens.clone()),
            ("t", tens.clone()),
            ("word77", vec![77]),
            ("word12", [vec![12], (120..130).collect()].concat()),
            ("\"word12\"", vec![12]),
            ("word12 tens", vec![120]),
            ("word77 tens", vec![]),
            ("nothing", vec![]),
            ("zzz", vec![]),
            ("aaa", vec![]),
            ("他说", (0..130).collect()),
            ("说他", vec![]),
            // More than a span has of a term: the blocks know the rest.
            ("message5number3", [vec![5], (50..60).collect()].concat()),
        ] {
            assert_eq!(found(&span, &parts, query), expected, "{query}");
        }
        let rare = Terms::of("word77 tens").expect("words");
        assert!(span.parts_with(&rare).len() <= 3, "few parts are read");
    }

    #[test]
    fn what_a_block_gets_and_loses_is_noted() {
        let (span, mut parts) = Span::of(&blocks());
        for (term, block, has) in [
            ("zebra", 5, true),
            ("0a", 6, true),
            ("tens", 10, false),
            ("word77", 77, false),
            ("word78", 7, true),
            ("absent", 3, false),
        ] {
            parts[span.part_of(term)].put(term, block, has);
        }
        assert_eq!(found(&span, &parts, "zebra"), [5]);
        assert_eq!(found(&span, &parts, "0a"), [6]);
        assert_eq!(found(&span, &parts, "tens")[..3], [0, 20, 30]);
        assert_eq!(found(&span, &parts, "word77"), [0; 0]);
        assert_eq!(found(&span, &parts, "word78"), [7, 78]);
        let bytes: Vec<_> = parts.iter().flat_map(SpanPart::write).collect();
        assert!(!bytes.windows(6).any(|part| part == b"absent"));
        assert_eq!(span.number_of(Tick(77_000)), Some(77));
        assert_eq!(span.number_of(Tick(77_001)), None);
    }

    #[test]
    fn other_bytes_are_an_error_and_no_panic() {
        let (span, parts) = Span::of(&blocks()[..20]);
        let (span_bytes, part) = (span.write(), parts[0].write());
        let terms = Terms::of("common").expect("a word");
        let look = |span_bytes: &[u8], part: &[u8]| {
            let _ = (Span::read(span_bytes), SpanPart::read(part, 20));
            let _ = span.blocks_with(&terms, [part]);
        };
        for end in 0..part.len() {
            look(&span_bytes[..end.min(span_bytes.len())], &part[..end]);
        }
        for (at, byte) in (0..part.len()).flat_map(|at| [0, 1, 2, 127, 128, 255].map(|b| (at, b))) {
            let (mut other, mut one) = (part.clone(), span_bytes.clone());
            other[at] = byte;
            let place = at % one.len();
            one[place] = byte;
            look(&one, &other);
        }
    }

    /// The bytes that spans add to a message of a large chat, of 16 words by Zipf's law.
    #[test]
    fn a_span_takes_few_bytes_of_a_message() {
        let mut dice = 1_u64;
        let mut word = || {
            dice = dice
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // The rank is the power of an even number: Zipf's law.
            let even = (dice >> 11) as f64 / (1_u64 << 53) as f64;
            let rank = 20_000_f64.powf(even) as u64;
            let letters = rank.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let length = 3 + rank.ilog2() as u64 / 2;
            let letter = |at: u64| char::from(b'a' + (letters >> (5 * at) & 31).min(25) as u8);
            (0..length).map(letter).collect::<String>()
        };
        let texts: Vec<_> = (0..14_000)
            .map(|at| {
                let words: Vec<_> = (0..16).map(|_| word()).collect();
                (at * 1_000_000, words.join(" "))
            })
            .collect();
        let texts: Vec<_> = texts.iter().map(|(id, text)| (*id, &**text)).collect();
        let mut blocks = Vec::new();
        let mut bytes = 0;
        for some in texts.chunks(100) {
            let block = postings(some);
            bytes += block.write().len();
            blocks.push((Tick(some[0].0), block));
        }
        blocks.truncate(128);
        let (span, parts) = Span::of(&blocks);
        let of_parts: usize = parts.iter().map(|part| part.write().len() + 30).sum();
        let each = (of_parts + span.write().len()) as f64 / 12_800.0;
        assert!(each < 17.0, "{each}, beside {} of blocks", bytes / 14_000);
    }
}
