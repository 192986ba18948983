//! Words: how texts are searched, the same in Redis and in every SQL.
//!
//! A text is a set of *terms*. A word in an alphabet is one term, folded: without case, compatibility forms and the accents of Latin letters. Scripts
//! that are written without spaces (Chinese, Japanese, Thai ...) give a term for each character and each two neighbours, so that any part of a text is found.
//!
//! SQL's full-text indexes get the terms in an ASCII alphabet of our own, with two letters before each: so nothing is too short, too common or of the
//! wrong script for the parser of whatever server it is.

use std::{collections::BTreeSet, ops::Range};

use poem_openapi::Object;
use unicode_normalization::UnicodeNormalization;

use crate::Message;

/// The longest term in SQL; InnoDB's own bound is 84.
const MAX_TERM: usize = 80;
/// How many characters of a body are shown around a hit.
const SHOWN: usize = 240;
/// How many of them stand before the first hit.
const BEFORE: usize = 60;

/// What somebody looks for: a message must have all of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Terms(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Term {
    /// A word that begins so.
    Word(String),
    /// One character, or two neighbours, of a script without spaces.
    Part(String),
}

/// A piece of a text, and whether it is what was looked for.
#[derive(Clone, Debug, PartialEq, Eq, Object)]
pub struct Segment {
    /// Plain text.
    pub text: String,
    /// It was looked for.
    pub hit: bool,
}

impl Terms {
    /// What `query` looks for; `None` when it has no letter and no digit.
    pub fn of(query: &str) -> Option<Self> {
        let mut terms = Vec::new();
        for run in runs(query) {
            match run {
                Run::Word(range) => terms.push(Term::Word(folded(&query[range]))),
                Run::Parts(ranges) if ranges.len() == 1 => terms.push(Term::Part(folded(&query[ranges[0].clone()]))),
                Run::Parts(ranges) => {
                    terms.extend(ranges.windows(2).map(|two| Term::Part(folded(&query[two[0].start..two[1].end]))));
                }
            }
        }
        terms.sort();
        terms.dedup();
        (!terms.is_empty()).then_some(Self(terms))
    }

    /// As SQL's indexes have them; a word also for all that begin so.
    pub fn for_sql(&self) -> Vec<(String, bool)> {
        let term = |term: &Term| match term {
            Term::Word(word) => (encoded('w', word), true),
            Term::Part(part) => (encoded('p', part), false),
        };
        self.0.iter().map(term).collect()
    }

    /// The body of a message that has all of it, around the first hit; `None` when it has not.
    pub fn find(&self, message: &Message) -> Option<Vec<Segment>> {
        let texts = texts(message);
        let missing = self.0.iter().any(|term| !texts.iter().any(|text| !hits(text, term).is_empty()));
        if missing || message.deleted == Some(true) {
            return None;
        }
        let mut ranges: Vec<Range<usize>> = self.0.iter().flat_map(|term| hits(&message.body, term)).collect();
        ranges.sort_by_key(|range| (range.start, range.end));
        Some(segments(&message.body, &ranges))
    }
}

/// All terms of a message as SQL's indexes have them, with spaces; none of one that is no text.
pub fn indexed(message: &Message) -> String {
    if message.kind != crate::MessageKind::Text || message.deleted == Some(true) {
        return String::new();
    }
    let mut terms = BTreeSet::new();
    for text in texts(message) {
        for run in runs(text) {
            match run {
                Run::Word(range) => drop(terms.insert(encoded('w', &folded(&text[range])))),
                Run::Parts(ranges) => {
                    terms.extend(ranges.iter().map(|one| encoded('p', &folded(&text[one.clone()]))));
                    terms.extend(ranges.windows(2).map(|two| encoded('p', &folded(&text[two[0].start..two[1].end]))));
                }
            }
        }
    }
    terms.into_iter().collect::<Vec<_>>().join(" ")
}

/// What of a message is searched.
fn texts(message: &Message) -> Vec<&str> {
    let names = message.attachments.iter().flatten().map(|attachment| attachment.name.as_str());
    [message.body.as_str()].into_iter().chain(message.subject.as_deref()).chain(names).collect()
}

/// Letters and digits without a break.
enum Run {
    Word(Range<usize>),
    /// Each character of a script without spaces.
    Parts(Vec<Range<usize>>),
}

fn runs(text: &str) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut last_end = usize::MAX;
    for (start, one) in text.char_indices() {
        let end = start + one.len_utf8();
        let joins = last_end == start;
        if is_without_spaces(one) {
            match runs.last_mut() {
                Some(Run::Parts(ranges)) if joins => ranges.push(start..end),
                _ => runs.push(Run::Parts(std::iter::once(start..end).collect())),
            }
        } else if one.is_alphanumeric() || joins && is_accent(one) {
            match runs.last_mut() {
                Some(Run::Word(range)) if joins => range.end = end,
                Some(Run::Parts(ranges)) if joins && is_accent(one) => ranges.last_mut().expect("a run has a part").end = end,
                _ => runs.push(Run::Word(start..end)),
            }
        } else {
            continue;
        }
        last_end = end;
    }
    runs
}

/// The places in a text of what is looked for.
fn hits(text: &str, term: &Term) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for run in runs(text) {
        match (term, run) {
            (Term::Word(word), Run::Word(range)) if folded(&text[range.clone()]).starts_with(word.as_str()) => found.push(range),
            (Term::Part(part), Run::Parts(ranges)) => {
                for at in 0..ranges.len() {
                    let two = ranges.get(at + 1).map(|next| ranges[at].start..next.end);
                    let same = |range: &Range<usize>| folded(&text[range.clone()]) == *part;
                    found.extend([Some(ranges[at].clone()), two].into_iter().flatten().find(same));
                }
            }
            _ => {}
        }
    }
    found
}

fn segments(body: &str, hits: &[Range<usize>]) -> Vec<Segment> {
    let first = hits.first().map_or(0, |hit| hit.start);
    let start = body[..first].char_indices().rev().take(BEFORE).last().map_or(first, |(at, _)| at);
    let end = body[start..].char_indices().nth(SHOWN).map_or(body.len(), |(at, _)| start + at);
    let (mut segments, mut at) = (Vec::new(), start);
    let mut push = |range: Range<usize>, hit: bool| {
        if !range.is_empty() {
            segments.push(Segment { text: body[range].to_owned(), hit });
        }
    };
    for hit in hits {
        let (from, to) = (hit.start.clamp(at, end), hit.end.clamp(at, end));
        push(at..from, false);
        push(from..to, true);
        at = to.max(at);
    }
    push(at..end, false);
    // Neighbouring hits are one.
    let mut joined: Vec<Segment> = Vec::new();
    for segment in segments {
        match joined.last_mut() {
            Some(last) if last.hit == segment.hit => last.text.push_str(&segment.text),
            _ => joined.push(segment),
        }
    }
    joined
}

fn folded(text: &str) -> String {
    text.nfkd().filter(|one| !is_accent(*one)).flat_map(char::to_lowercase).collect()
}

/// Combining diacritical marks: what Latin letters are decomposed into.
fn is_accent(one: char) -> bool {
    ('\u{300}'..='\u{36f}').contains(&one)
}

/// Of a script that is written without spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han.
fn is_without_spaces(one: char) -> bool {
    let scripts = [
        '\u{e00}'..='\u{eff}',
        '\u{1000}'..='\u{109f}',
        '\u{1780}'..='\u{17ff}',
        '\u{3005}'..='\u{3007}',
        '\u{3040}'..='\u{30ff}',
        '\u{31f0}'..='\u{31ff}',
        '\u{3400}'..='\u{4dbf}',
        '\u{4e00}'..='\u{9fff}',
        '\u{f900}'..='\u{faff}',
        '\u{ff66}'..='\u{ff9f}',
        '\u{20000}'..='\u{3ffff}',
    ];
    scripts.iter().any(|script| script.contains(&one))
}

/// In `a-z0-9`, character by character, so that what begins a word begins its code.
fn encoded(kind: char, term: &str) -> String {
    let mut code = format!("x{kind}");
    for one in term.chars() {
        if one.is_ascii_alphanumeric() {
            code.push(one);
        } else {
            code.push_str(&format!("z{:x}z", u32::from(one)));
        }
        if code.len() >= MAX_TERM {
            code.truncate(MAX_TERM);
            break;
        }
    }
    code
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Attachment, ChatId, MessageKind, Tick, UserId};

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
            attachments: Some(vec![Attachment {
                hash: String::new(),
                name: "holiday-photo.png".into(),
                size: 1,
                content_type: String::new(),
                width: None,
                height: None,
            }]),
            reactions: None,
            edited_at: None,
            deleted: None,
        }
    }

    fn shown(query: &str, body: &str) -> Option<String> {
        let segments = Terms::of(query)?.find(&message(body))?;
        Some(segments.iter().map(|one| if one.hit { format!("[{}]", one.text) } else { one.text.clone() }).collect())
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
            ("don't", "I don't", Some("I [don]'[t]")),
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
    fn any_part_of_a_text_without_spaces_is_found() {
        for (query, body, expected) in [
            ("你好", "他说你好吗", Some("他说[你好]吗")),
            ("好", "你好", Some("你[好]")),
            ("说好", "他说你好", None),
            ("カタカナ", "これはカタカナです", Some("これは[カタカナ]です")),
            ("東京 hello", "hello東京", Some("[hello東京]")),
            ("กิน", "ฉันกินข้าว", Some("ฉัน[กิน]ข้าว")),
        ] {
            assert_eq!(shown(query, body).as_deref(), expected, "{query} in {body}");
        }
    }

    #[test]
    fn a_long_body_is_shown_around_its_first_hit() {
        let body = format!("{} needle {}", "é".repeat(500), "x ".repeat(500));
        let segments = Terms::of("needle").and_then(|terms| terms.find(&message(&body))).expect("found");
        assert_eq!((segments.len(), segments[1].text.as_str(), segments[1].hit), (3, "needle", true));
        assert_eq!(segments.iter().map(|one| one.text.chars().count()).sum::<usize>(), SHOWN);
    }

    #[test]
    fn sql_gets_ascii_and_what_is_looked_for_is_among_what_is_indexed() {
        for (query, body) in [("hel", "Hello"), ("größ", "Größe"), ("你好", "你好吗"), ("好", "好"), ("при", "Привет")]
        {
            let index = indexed(&message(body));
            assert!(index.bytes().all(|byte| byte == b' ' || byte.is_ascii_lowercase() || byte.is_ascii_digit()), "{index}");
            for (term, prefix) in Terms::of(query).expect("a term").for_sql() {
                let found = index.split(' ').any(|one| if prefix { one.starts_with(&term) } else { one == term });
                assert!(found && term.len() >= 3, "{term} in {index}");
            }
        }
        let long = "ж".repeat(300);
        assert!(indexed(&message(&long)).split(' ').all(|term| term.len() <= MAX_TERM));
        assert!(indexed(&message(&long)).contains(&Terms::of(&long).expect("a term").for_sql()[0].0));
        assert_eq!(indexed(&message("gone").tombstone()), "");
    }
}
