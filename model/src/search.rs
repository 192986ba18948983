//! Full-text search, the same for what is in Redis and in every SQL.
//!
//! A text is folded by the rule of [`crate::letters`], and then cut into *terms*: what is the same
//! when it is folded gives the same terms. A word in an alphabet is one term, with all its marks. A
//! script that is written without spaces (Chinese, Japanese, Thai ...) gives a term for each
//! character and each two neighbours, so that any part of a text is found.
//!
//! The index (see [`crate::Postings`]) has the terms of each message, so no word is too short, too
//! common or of the wrong script to be found.

use std::{collections::BTreeSet, ops::Range};

use serde::{Deserialize, Serialize};
use unicode_normalization::char::is_combining_mark;

use crate::{
    Message,
    letters::{clusters, fold_cluster, is_apostrophe, is_without_spaces, whole},
};

/// The longest term in the index, in bytes: of a longer word it has the beginning.
const MAX_TERM: usize = 80;
/// The number of characters of a body that are shown around a hit.
const SHOWN: usize = 240;
/// The number of them before the first hit.
const BEFORE: usize = 60;

/// The most terms that are looked for in the index: what is found by them is matched again.
const MAX_INDEXED: usize = 10;

/// Signs that make one of what stands around them, as in `3.14`, `e-mail` and `ann@example.org`; so
/// does an apostrophe.
const CONNECTORS: &str = ".-_/\\@:+#&=~%*$?";
/// Signs behind a word that make another one of it, as in `C++` and `F#`.
const SUFFIXES: [char; 2] = ['+', '#'];
/// What stands around words that are looked for side by side, and as they are.
const QUOTES: [char; 6] = ['"', '\u{201c}', '\u{201d}', '\u{201e}', '\u{ab}', '\u{bb}'];

/// The terms of a query: a message must have all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms(Vec<Term>);

/// A word, or several that stand side by side.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Term {
    pieces: Vec<Piece>,
    /// True when the last word is whole, false when longer words that begin so match too.
    is_whole: bool,
    /// The signs that follow: there, too, the word is whole.
    suffix: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Piece {
    /// True when no space may stand before it.
    is_close: bool,
    characters: Characters,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Characters {
    /// A word in an alphabet.
    Word(String),
    /// A text in a script without spaces.
    Phrase(Vec<char>),
}

/// A piece of a text that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(poem_openapi::Object))]
pub struct Segment {
    /// The piece, in plain text.
    pub text: String,
    /// True when the piece is what was looked for, false when it stands around it.
    pub hit: bool,
}

impl Terms {
    /// The most terms that a query should have: each is looked for in every text.
    pub const MAX: usize = 10;

    /// Reads a query; `None` when it has no letter and no digit.
    pub fn of(query: &str) -> Option<Self> {
        let (mut terms, mut end, mut is_quoted) = (Vec::<Term>::new(), 0, false);
        for run in runs(query) {
            let range = run.range();
            let between = &query[end..range.start];
            let quotes = between.matches(QUOTES).count();
            let is_connector = |one: char| CONNECTORS.contains(one) || is_apostrophe(one);
            let is_close = between.chars().all(is_connector);
            end = range.end;
            match terms.last_mut() {
                Some(last) if quotes == 0 && (is_quoted || is_close) => last.push(run, is_close),
                last => {
                    if let (Some(last), true) = (last, is_quoted) {
                        last.is_whole = true;
                    }
                    terms.push(Term::of(run));
                }
            }
            is_quoted ^= quotes % 2 == 1;
            let rest = &query[end..];
            let last = terms.last_mut().expect("it was pushed");
            let others = rest.trim_start_matches(SUFFIXES);
            last.suffix = rest[..rest.len() - others.len()].to_owned();
        }
        if let (Some(last), true) = (terms.last_mut(), is_quoted) {
            last.is_whole = query[end..].contains(QUOTES);
        }
        terms.sort();
        terms.dedup();
        (!terms.is_empty()).then_some(Self(terms))
    }

    /// Returns the number of terms.
    #[allow(clippy::len_without_is_empty)] // there is at least one
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the terms, or some of many, as the index has them, each with true when longer words
    /// that begin so match too.
    pub(crate) fn for_index(&self) -> Vec<(String, bool)> {
        self.0
            .iter()
            .flat_map(Term::for_index)
            .take(MAX_INDEXED)
            .collect()
    }

    /// Returns the body of a message around the first hit, in pieces; `None` when the message has
    /// not all of the terms.
    pub fn find(&self, message: &Message) -> Option<Vec<Segment>> {
        if message.deleted == Some(true) {
            return None;
        }
        // Each text is folded once, however many terms are looked for in it.
        let texts: Vec<_> = texts(message)
            .into_iter()
            .map(|text| (text, runs(text)))
            .collect();
        let ((body, runs), others) = texts.split_first()?;
        let mut ranges = Vec::new();
        for term in &self.0 {
            let hits = term.hits(body, runs);
            let is_in = |(text, runs): &(&str, Vec<Run>)| !term.hits(text, runs).is_empty();
            if hits.is_empty() && !others.iter().any(is_in) {
                return None;
            }
            ranges.extend(hits);
        }
        ranges.sort_by_key(|range| (range.start, range.end));
        Some(segments(&message.body, &ranges))
    }
}

impl Term {
    fn of(run: Run) -> Self {
        let mut term = Self {
            pieces: Vec::new(),
            is_whole: false,
            suffix: String::new(),
        };
        term.push(run, false);
        term
    }

    fn push(&mut self, run: Run, is_close: bool) {
        let characters = match run {
            Run::Word(_, word) => Characters::Word(word),
            Run::Phrase(_, characters) => Characters::Phrase(characters),
        };
        self.pieces.push(Piece {
            is_close,
            characters,
        });
    }

    /// True for a piece of which longer words match too.
    fn is_beginning(&self, at: usize) -> bool {
        at + 1 == self.pieces.len() && !self.is_whole && self.suffix.is_empty()
    }

    fn for_index(&self) -> Vec<(String, bool)> {
        let codes = |(at, piece): (usize, &Piece)| match &piece.characters {
            Characters::Word(word) => {
                vec![(shortened(word.chars()), self.is_beginning(at))]
            }
            Characters::Phrase(characters) => {
                let parts = characters.windows(characters.len().min(2));
                let parts = parts.map(|part| (shortened(part.iter().copied()), false));
                parts.take(MAX_INDEXED).collect()
            }
        };
        let all = self.pieces.iter().enumerate().flat_map(codes);
        all.take(MAX_INDEXED).collect()
    }

    /// Returns the places of the term in a text, given its runs.
    fn hits(&self, text: &str, runs: &[Run]) -> Vec<Range<usize>> {
        let mut hits = match self.pieces.as_slice() {
            [piece] => runs
                .iter()
                .flat_map(|run| run.hits(&piece.characters, self.is_beginning(0)))
                .collect(),
            several => runs
                .windows(several.len())
                .filter_map(|runs| self.hit(text, runs))
                .collect::<Vec<_>>(),
        };
        hits.retain(|hit| text[hit.end..].starts_with(&self.suffix));
        for hit in &mut hits {
            hit.end += self.suffix.len();
        }
        hits
    }

    /// Returns the place of several pieces that are in these runs.
    fn hit(&self, text: &str, runs: &[Run]) -> Option<Range<usize>> {
        let (mut start, mut end) = (0, 0);
        for (at, (run, piece)) in runs.iter().zip(&self.pieces).enumerate() {
            let place = match (&piece.characters, run) {
                (Characters::Word(word), Run::Word(range, text)) => {
                    let is_it = text == word || self.is_beginning(at) && text.starts_with(word);
                    is_it.then(|| range.clone())?
                }
                (Characters::Phrase(phrase), Run::Phrase(places, characters)) => {
                    let (from, size) = (characters.len().checked_sub(phrase.len())?, phrase.len());
                    let from = if at == 0 { from } else { 0 };
                    let is_end = at + 1 < runs.len() && from + size < characters.len();
                    let is_it = characters[from..from + size] == phrase[..] && !is_end;
                    is_it.then(|| places[from].start..places[from + size - 1].end)?
                }
                _ => return None,
            };
            let is_apart = |one: char| one.is_whitespace();
            if at == 0 {
                start = place.start;
            } else if piece.is_close && text[end..place.start].contains(is_apart) {
                return None;
            }
            end = place.end;
        }
        Some(start..end)
    }
}

/// Returns all terms of a message as the index has them; none of a system message and of a deleted
/// one.
pub(crate) fn indexed(message: &Message) -> BTreeSet<String> {
    let mut terms = BTreeSet::new();
    if message.kind != crate::MessageKind::Text || message.deleted == Some(true) {
        return terms;
    }
    for text in texts(message) {
        for run in runs(text) {
            match run {
                Run::Word(_, word) => drop(terms.insert(shortened(word.chars()))),
                Run::Phrase(_, characters) => {
                    let ones = characters.chunks(1).chain(characters.windows(2));
                    terms.extend(ones.map(|piece| shortened(piece.iter().copied())));
                }
            }
        }
    }
    terms
}

/// Returns the parts of a message that are searched.
fn texts(message: &Message) -> Vec<&str> {
    let names = message
        .attachments
        .iter()
        .flatten()
        .map(|attachment| attachment.name.as_str());
    [message.body.as_str()]
        .into_iter()
        .chain(message.subject.as_deref())
        .chain(names)
        .collect()
}

/// Letters and digits without a break, folded, and where they stand in their text.
enum Run {
    /// A word in an alphabet.
    Word(Range<usize>, String),
    /// The characters of a script without spaces, each with its place.
    Phrase(Vec<Range<usize>>, Vec<char>),
}

/// Folds a text, and cuts it into runs.
fn runs(text: &str) -> Vec<Run> {
    #[cfg(test)]
    tests::FOLDED.set(tests::FOLDED.get() + text.len());
    if text.is_ascii() {
        return ascii_words(text);
    }
    let (mut runs, mut folded, mut joins) = (Vec::<Run>::new(), Vec::new(), false);
    for place in clusters(text) {
        folded.clear();
        fold_cluster(&text[place.clone()], &mut folded);
        for one in &folded {
            let is_mark = joins && is_combining_mark(*one);
            joins = match runs.last_mut() {
                _ if !(is_without_spaces(*one) || one.is_alphanumeric() || is_mark) => false,
                Some(run) if joins && run.takes(*one) => {
                    run.push(&place, *one);
                    true
                }
                _ => {
                    runs.push(Run::starting(&place, *one));
                    true
                }
            };
        }
        // What is left out belongs to the word that it stands in or behind.
        if let Some(run) = runs.last_mut()
            && folded.is_empty()
            && joins
        {
            run.extend_to(place.end);
        }
    }
    runs
}

/// The same for ASCII, which most texts are: as cheap as it can be.
fn ascii_words(text: &str) -> Vec<Run> {
    let mut words = Vec::new();
    let mut start = 0;
    let ends = text
        .bytes()
        .enumerate()
        .filter(|(_, byte)| !byte.is_ascii_alphanumeric());
    for end in ends.map(|(at, _)| at).chain([text.len()]) {
        if start < end {
            words.push(Run::Word(start..end, text[start..end].to_ascii_lowercase()));
        }
        start = end + 1;
    }
    words
}

impl Run {
    fn starting(place: &Range<usize>, one: char) -> Self {
        match is_without_spaces(one) {
            true => Self::Phrase(vec![place.clone()], vec![one]),
            false => Self::Word(place.clone(), one.into()),
        }
    }

    /// True when a character next to the run goes on with it.
    fn takes(&self, one: char) -> bool {
        matches!(self, Self::Phrase(..)) == is_without_spaces(one)
    }

    fn push(&mut self, place: &Range<usize>, one: char) {
        match self {
            Self::Word(range, word) => {
                range.end = place.end;
                word.push(one);
            }
            Self::Phrase(places, characters) => {
                places.push(place.clone());
                characters.push(one);
            }
        }
    }

    fn extend_to(&mut self, end: usize) {
        match self {
            Self::Word(range, _) => range.end = end,
            Self::Phrase(places, _) => places.last_mut().expect("a run has a part").end = end,
        }
    }

    fn range(&self) -> Range<usize> {
        match self {
            Self::Word(range, _) => range.clone(),
            Self::Phrase(places, _) => {
                let last = places.last().expect("a run has a part");
                places[0].start..last.end
            }
        }
    }

    /// Returns the places of a word, or of its beginning, and of a text without spaces.
    fn hits(&self, of: &Characters, is_beginning: bool) -> Vec<Range<usize>> {
        match (of, self) {
            (Characters::Word(word), Self::Word(range, text))
                if text == word || is_beginning && text.starts_with(word) =>
            {
                vec![range.clone()]
            }
            (Characters::Phrase(phrase), Self::Phrase(places, characters)) => {
                let (size, parts) = (phrase.len(), characters.windows(phrase.len()));
                let hits = parts.enumerate().filter(|(_, part)| part == phrase);
                hits.map(|(at, _)| places[at].start..places[at + size - 1].end)
                    .collect()
            }
            _ => Vec::new(),
        }
    }
}

fn segments(body: &str, hits: &[Range<usize>]) -> Vec<Segment> {
    let first = hits.first().map_or(0, |hit| hit.start);
    let start = body[..first]
        .char_indices()
        .rev()
        .take(BEFORE)
        .last()
        .map_or(first, |(at, _)| at);
    let start = whole(body, start);
    let end = body[start..]
        .char_indices()
        .nth(SHOWN)
        .map_or(body.len(), |(at, _)| whole(body, start + at));
    let (mut segments, mut at) = (Vec::new(), start);
    let mut push = |range: Range<usize>, hit: bool| {
        if !range.is_empty() {
            segments.push(Segment {
                text: body[range].to_owned(),
                hit,
            });
        }
    };
    for hit in hits {
        let (from, to) = (hit.start.clamp(at, end), hit.end.clamp(at, end));
        push(at..from, false);
        push(from..to, true);
        at = to.max(at);
    }
    push(at..end, false);
    // Neighbouring hits are joined to one.
    let mut joined: Vec<Segment> = Vec::new();
    for segment in segments {
        match joined.last_mut() {
            Some(last) if last.hit == segment.hit => last.text.push_str(&segment.text),
            _ => joined.push(segment),
        }
    }
    joined
}

/// Returns a term, or the beginning of a long one.
fn shortened(term: impl Iterator<Item = char>) -> String {
    let mut short = String::new();
    for one in term {
        if short.len() + one.len_utf8() > MAX_TERM {
            break;
        }
        short.push(one);
    }
    short
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::{Attachment, ChatId, MessageKind, Tick, UserId};

    thread_local! {
        /// The bytes that were folded on this thread.
        pub(super) static FOLDED: Cell<usize> = const { Cell::new(0) };
    }

    fn message(body: &str) -> Message {
        Message {
            id: Tick(1),
            seq: 1,
            rev: Tick(1),
            created_at: String::new(),
            chat_id: ChatId::new(),
            sender_id: UserId::new(),
            kind: MessageKind::Text,
            subject: Some("The Subject".into()),
            body: body.into(),
            client_id: None,
            system: None,
            reply_to: None,
            mentions: None,
            mentions_all: None,
            attachments: Some(vec![Attachment {
                hash: String::new(),
                name: "holiday-photo.png".into(),
                size: 1,
                content_type: String::new(),
                width: None,
                height: None,
            }]),
            custom_type: None,
            metadata: None,
            reactions: None,
            edited_at: None,
            deleted: None,
        }
    }

    fn shown(query: &str, body: &str) -> Option<String> {
        let segments = Terms::of(query)?.find(&message(body))?;
        Some(
            segments
                .iter()
                .map(|one| {
                    if one.hit {
                        format!("[{}]", one.text)
                    } else {
                        one.text.clone()
                    }
                })
                .collect(),
        )
    }

    #[test]
    fn words_are_found_by_their_beginning_whatever_their_case_and_accents() {
        for (query, body, expected) in [
            ("hel", "Hello, hello world", Some("[Hello], [hello] world")),
            ("WORLD hello", "Hello, world", Some("[Hello], [world]")),
            ("ello", "Hello", None),
            ("hello mars", "Hello, world", None),
            ("cafe", "Im Café!", Some("Im [Café]!")),
            ("café", "Im Cafe\u{301}", Some("Im [Cafe\u{301}]")),
            ("ﬁn", "finally", Some("[finally]")),
            ("straße", "Straße", Some("[Straße]")),
            ("don't", "I don't", Some("I [don't]")),
            ("don\u{2019}t", "I don't", Some("I [don't]")),
            ("привет", "Привет всем", Some("[Привет] всем")),
            ("a", "a b", Some("[a] b")),
            ("subject", "x", Some("x")),
            ("photo", "x", Some("x")),
        ] {
            assert_eq!(shown(query, body).as_deref(), expected, "{query} in {body}");
        }
        assert_eq!(Terms::of("... !?"), None);
    }

    #[test]
    fn a_word_with_an_apostrophe_is_found_whichever_it_is() {
        let apostrophes = [
            "'", "´", "\u{2018}", "\u{2019}", "\u{201b}", "\u{2bb}", "\u{2bc}", "\u{2bd}",
            "\u{2be}", "\u{2bf}", "\u{55a}", "\u{5f3}", "\u{a78b}", "\u{a78c}", "\u{ff07}",
        ];
        for (before, after) in [("O", "Brien"), ("Мар", "яна"), ("п", "ять"), ("Hawai", "i")]
        {
            for (one, other) in apostrophes.iter().zip(apostrophes.iter().cycle().skip(1)) {
                let (query, body) = (
                    format!("{before}{one}{after}"),
                    format!("{before}{other}{after}"),
                );
                let expected = format!("— [{body}]!");
                let body = format!("— {body}!");
                assert_eq!(shown(&query, &body), Some(expected), "{query} in {body}");
                let beginning = format!("{before}{one}{}", &after[..after.len() / 4 * 2]);
                assert!(shown(&beginning, &body).is_some(), "{beginning} in {body}");
                let apart = format!("{before} {after}");
                assert_eq!(shown(&query, &apart), None, "{query} in {apart}");
            }
        }
        for (query, body, expected) in [
            ("brien", "O\u{2bc}Brien", Some("O\u{2bc}[Brien]")),
            (
                "hello",
                "\u{2018}hello\u{2019}",
                Some("\u{2018}[hello]\u{2019}"),
            ),
            ("അവന്\u{200d}", "അവൻ വന്നു", Some("[അവൻ] വന്നു")),
            ("അവൻ", "അവന്\u{200d} വന്നു", Some("[അവന്\u{200d}] വന്നു")),
            ("সৎ", "সত্\u{200d}", Some("[সত্\u{200d}]")),
        ] {
            assert_eq!(shown(query, body).as_deref(), expected, "{query} in {body}");
        }
    }

    #[test]
    fn any_part_of_a_text_without_spaces_is_found() {
        for (query, body, expected) in [
            ("你好", "他说你好吗", Some("他说[你好]吗")),
            ("好", "你好", Some("你[好]")),
            ("说好", "他说你好", None),
            ("说你好", "说你 你好", None),
            ("你好", "好你好你好", Some("好[你好你好]")),
            (
                "カタカナ",
                "これはカタカナです",
                Some("これは[カタカナ]です"),
            ),
            ("東京 hello", "hello東京", Some("[hello東京]")),
            ("กิน", "ฉันกินข้าว", Some("ฉัน[กิน]ข้าว")),
        ] {
            assert_eq!(shown(query, body).as_deref(), expected, "{query} in {body}");
        }
    }

    #[test]
    fn a_text_is_folded_once_for_any_number_of_terms() {
        let folded = |query: &str, body: &str| {
            let (terms, message) = (Terms::of(query).expect("terms"), message(body));
            FOLDED.set(0);
            terms.find(&message).expect("found");
            FOLDED.get()
        };
        let body = "a b c d e f g h i j ".repeat(100);
        assert_eq!(folded("a", &body), folded("a b c d e f g h i j", &body));
        let many = (0..100)
            .map(|at| format!("w{at}"))
            .collect::<Vec<_>>()
            .join(" ");
        let terms = Terms::of(&many).expect("terms");
        assert_eq!((terms.len(), terms.for_index().len()), (100, MAX_INDEXED));
        let phrase = Terms::of(&"你好".repeat(100)).expect("a term");
        assert_eq!((phrase.len(), phrase.for_index().len()), (1, MAX_INDEXED));
    }

    #[test]
    fn a_long_body_is_shown_around_its_first_hit() {
        let body = format!("{} needle {}", "é".repeat(500), "x ".repeat(500));
        let segments = Terms::of("needle")
            .and_then(|terms| terms.find(&message(&body)))
            .expect("found");
        assert_eq!(
            (segments.len(), segments[1].text.as_str(), segments[1].hit),
            (3, "needle", true)
        );
        assert_eq!(
            segments
                .iter()
                .map(|one| one.text.chars().count())
                .sum::<usize>(),
            SHOWN
        );
    }

    #[test]
    fn what_is_looked_for_is_among_what_is_indexed() {
        for (query, body) in [
            ("hel", "Hello"),
            ("größ", "Größe"),
            ("你好", "你好吗"),
            ("好", "好"),
            ("при", "Привет"),
        ] {
            let index = indexed(&message(body));
            for (term, prefix) in Terms::of(query).expect("a term").for_index() {
                let is_it = |one: &String| match prefix {
                    true => one.starts_with(&term),
                    false => *one == term,
                };
                assert!(index.iter().any(is_it), "{term} in {index:?}");
            }
        }
        let long = "ж".repeat(300);
        let index = indexed(&message(&long));
        assert!(index.iter().all(|term| term.len() <= MAX_TERM));
        assert!(index.contains(&Terms::of(&long).expect("a term").for_index()[0].0));
        assert!(indexed(&message("gone").tombstone()).is_empty());
    }
}
