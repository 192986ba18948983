//! Mentions: the names in a text, who may mention all members of a chat, and which of the texts
//! that do are unread.

use std::{
    collections::BTreeSet,
    fmt::{self, Display},
    str::FromStr,
};

use crate::{ChatKind, Member, ParseError, Role, Tick, fold};

/// The number of unread mentions from which on they are not counted.
pub const COUNTED_MENTIONS: usize = 50;
/// The most members of a group of which each may mention all; in a larger one its owner and admins
/// may. (As many as know each other: one member can call up no crowd of strangers.)
pub const MENTION_ALL_UP_TO: usize = 32;
/// The name that stands for all members. No account can have it.
const ALL: &str = "all";

impl Role {
    /// True when a member of this role may mention all members of a chat, which has so many. The
    /// script `append` asks the same at the moment of the send, and `replace` at that of an edit.
    pub fn may_mention_all(self, kind: ChatKind, members: usize) -> bool {
        kind == ChatKind::Group && (self.manages() || members <= MENTION_ALL_UP_TO)
    }
}

/// Returns the words in a text that may be usernames: each behind an `@` that no word ends with. In
/// code and in addresses nobody is named, as in `https://example.org/@bob`.
pub fn names_in(text: &str) -> BTreeSet<String> {
    if !text.contains('@') {
        return BTreeSet::new();
    }
    let is_of_a_name = |one: char| one.is_ascii_alphanumeric() || "_.-".contains(one);
    let text = &naming(text);
    let parts = text.match_indices('@').filter_map(|(at, _)| {
        let before = text[..at].chars().next_back();
        let rest = &text[at + 1..];
        let end = rest.find(|one| !is_of_a_name(one)).unwrap_or(rest.len());
        let stands_alone = before.is_none_or(|one| one != '@' && !is_of_a_name(one));
        (stands_alone && end > 0).then(|| fold(&rest[..end]))
    });
    parts.collect()
}

/// Returns a text with a space for each block of code, each piece of code in a line, and each
/// address. The page reads what it sends in the same way (`NOT_NAMING` in its `mention.ts`).
fn naming(text: &str) -> String {
    let (mut naming, mut at) = (String::with_capacity(text.len()), 0);
    while let Some(one) = text[at..].chars().next() {
        let rest = &text[at..];
        let is_line_start = at == 0 || text.as_bytes()[at - 1] == b'\n';
        let skipped = match one {
            _ if is_line_start && fence(rest).is_some() => block(rest),
            '`' => code(rest),
            'h' | 'H' | 'w' | 'W' => address(rest),
            _ => None,
        };
        let Some(skipped) = skipped else {
            // The rest of a run of backticks opens nothing.
            let kept = run_of('`', rest).max(one.len_utf8());
            naming.push_str(&rest[..kept]);
            at += kept;
            continue;
        };
        naming.push(' ');
        at += skipped;
    }
    naming
}

/// Returns the length of the run of a character that a text begins with.
fn run_of(one: char, text: &str) -> usize {
    text.len() - text.trim_start_matches(one).len()
}

/// Returns the length of the fence that a line begins with, with the white space before it, and
/// its character and their number; `None` when there is no fence.
fn fence(line: &str) -> Option<(usize, char, usize)> {
    let bare = line.trim_start_matches(|one: char| one.is_whitespace() && one != '\n');
    let mark = bare.chars().next().filter(|one| "`~".contains(*one))?;
    let run = run_of(mark, bare);
    (run >= 3).then_some((line.len() - bare.len() + run, mark, run))
}

/// Returns the length of the block of code that a text begins with: to the fence that closes it, or
/// to the end.
fn block(text: &str) -> Option<usize> {
    let (open, mark, run) = fence(text)?;
    let mut at = open;
    while let Some(line) = text[at..].find('\n') {
        at += line + 1;
        if let Some((end, other, closing)) = fence(&text[at..])
            && other == mark
            && closing >= run
        {
            return Some(at + end - (closing - run));
        }
    }
    Some(text.len())
}

/// Returns the length of the code that a text begins with: to a run of as many backticks.
fn code(text: &str) -> Option<usize> {
    let open = run_of('`', text);
    let mut at = open;
    while let Some(next) = text[at..].find('`') {
        at += next;
        let run = run_of('`', &text[at..]);
        at += run;
        if run == open {
            return Some(at);
        }
    }
    None
}

/// Returns the length of the address that a text begins with.
fn address(text: &str) -> Option<usize> {
    let begins = |scheme: &&str| {
        let begin = text.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    let scheme = ["https://", "http://", "www."].into_iter().find(begins)?;
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > scheme.len()).then_some(end)
}

/// True for a text in which `@all` stands, be it at the end of a sentence.
pub fn names_all(text: &str) -> bool {
    let is_all = |name: &String| name.trim_end_matches(['.', '-']) == ALL;
    names_in(text).iter().any(is_all)
}

/// The ids of the texts of a chat that mention all of its members, in their order; the newest
/// [`COUNTED_MENTIONS`]. They are kept once for the chat, however many members it has: a member has
/// not read those behind their read mark. (The sender has read their own text, and who joins has
/// read all that was there.)
///
/// The text, in Redis and in SQL, is the ids with commas between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MentionsOfAll(Vec<Tick>);

impl MentionsOfAll {
    /// Returns the ids of the texts that mention a member and that they have not read: by name, or
    /// with all others.
    pub fn unread(&self, member: &Member) -> BTreeSet<Tick> {
        let with_all = self.0.iter().filter(|id| **id > member.read);
        member.mentions.iter().chain(with_all).copied().collect()
    }
}

impl Display for MentionsOfAll {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, id) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{id}")?;
        }
        Ok(())
    }
}

impl FromStr for MentionsOfAll {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let id = |id: &str| id.parse().map(Tick);
        let ids = text.split(',').filter(|id| !id.is_empty()).map(id);
        let ids = ids.collect::<Result<_, _>>();
        ids.map(Self).map_err(|_| ParseError("ids with commas"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_behind_an_at_sign_that_no_word_ends_with() {
        for (text, expected) in [
            ("@Bob come, and @cleo.", vec!["bob", "cleo."]),
            ("(@bob) @bob", vec!["bob"]),
            ("mail ann@example.org", vec![]),
            ("@@bob @ x", vec![]),
            ("日本@ann für@ann", vec!["ann"]),
            ("", vec![]),
        ] {
            assert_eq!(Vec::from_iter(names_in(text)), expected, "{text}");
        }
    }

    #[test]
    fn nobody_is_named_in_code_and_in_addresses() {
        for (text, expected) in [
            ("`@bob` and ``a ` @bob``", vec![]),
            ("`@bob` @cleo `@dora`", vec!["cleo"]),
            ("`a`@bob", vec!["bob"]),
            ("a ` @bob", vec!["bob"]),
            ("`` @bob ` @cleo", vec!["bob", "cleo"]),
            ("`` @bob ` @cleo ``", vec![]),
            ("`@bob\n@cleo`", vec![]),
            ("it is ```@bob``` @cleo", vec!["cleo"]),
            ("``` @bob", vec![]),
            ("```\n@bob\n```\n@cleo", vec!["cleo"]),
            ("```\n@bob\n``` @cleo", vec!["cleo"]),
            ("```\n@bob\n````\n@cleo", vec!["cleo"]),
            ("````\n@bob\n```\n@cleo\n````\n@dora", vec!["dora"]),
            ("```java\n@Bob\nclass A {}", vec![]),
            ("@ann\n  ```\n@bob\n\t```\n@cleo", vec!["ann", "cleo"]),
            ("```\r\n@bob\r\n```\r\n@cleo", vec!["cleo"]),
            ("~~~\n@bob\n~~~", vec![]),
            ("~~~\n@bob\n```\n@cleo", vec![]),
            ("a ~~~ @bob", vec!["bob"]),
            ("~~@bob~~", vec!["bob"]),
            ("https://medium.example/@bob/a www.a.example/@bob", vec![]),
            ("HTTP://a.example/@bob, @cleo", vec!["cleo"]),
            ("(https://a.example/@bob)\n@cleo", vec!["cleo"]),
            ("https://a.example/ @bob", vec!["bob"]),
            ("日本https://a.example/@bob", vec![]),
            ("https:// @bob", vec!["bob"]),
            ("http @bob", vec!["bob"]),
            ("www @bob", vec!["bob"]),
            ("h\u{e9} w\u{e9}www @bob", vec!["bob"]),
            ("`https://a.example/` @bob", vec!["bob"]),
            ("https://a.example/`@bob` @cleo", vec!["cleo"]),
            ("\u{a0}```\n@bob", vec![]),
        ] {
            assert_eq!(Vec::from_iter(names_in(text)), expected, "{text}");
        }
        assert!(!names_all("`@all` https://a.example/@all"));
        assert!(names_all("`x` @all"));
    }

    #[test]
    fn a_text_of_openings_that_nothing_closes_is_read_quickly() {
        let runs = (1..140).map(|run| format!("{} ", "`".repeat(run)));
        for text in [
            runs.collect::<String>(),
            "``` ".repeat(2500),
            "~~~\n".repeat(2500),
            "www.".repeat(2500),
            "`\n ".repeat(3000),
            " ".repeat(10_000),
            "\n   ".repeat(2500),
        ] {
            let began = std::time::Instant::now();
            assert!(names_in(&format!("{text}\n@")).is_empty());
            let time = began.elapsed();
            assert!(time < std::time::Duration::from_millis(200), "{time:?}");
        }
    }

    #[test]
    fn all_are_named_by_that_word_alone() {
        for text in [
            "@all",
            "Come, @All!",
            "(@all)",
            "that is for @all...",
            "@ALL-",
        ] {
            assert!(names_all(text), "{text}");
        }
        for text in ["all", "ann@all", "@all-in", "@allan", "@@all", "@al", ""] {
            assert!(!names_all(text), "{text}");
        }
    }

    #[test]
    fn in_a_large_group_only_who_manages_it_mentions_all() {
        let roles = [Role::Owner, Role::Admin, Role::Member];
        let who_may = |kind, members| roles.map(|role| role.may_mention_all(kind, members));
        assert_eq!(who_may(ChatKind::Group, 32), [true; 3]);
        assert_eq!(who_may(ChatKind::Group, 33), [true, true, false]);
        assert_eq!(who_may(ChatKind::Direct, 2), [false; 3]);
    }

    #[test]
    fn a_text_that_names_a_member_and_all_is_one_mention() {
        let mut member = Member::joining(Role::Member, Tick(5), 0);
        member.mentions = vec![Tick(6), Tick(8)];
        let of_all: MentionsOfAll = "4,5,7,8".parse().expect("ids");
        let unread = Vec::from_iter(of_all.unread(&member));
        assert_eq!(unread, [6, 7, 8].map(Tick));
    }

    #[test]
    fn the_ids_of_mentions_come_back_as_they_were_written() {
        for text in ["", "7", "7,8,1763668800123457"] {
            let ids: MentionsOfAll = text.parse().expect("our own");
            assert_eq!(ids.to_string(), text);
        }
        assert!("7,x".parse::<MentionsOfAll>().is_err());
    }
}
