//! What a script gets of `lua/lib/`: just the functions that it uses. Redis makes each function of
//! a script anew whenever the script runs, which costs some 70 ns.

use std::collections::HashSet;

use super::contract::lua;

/// Returns the files of the library, each after those that it uses.
pub(crate) fn library() -> String {
    [
        lua!("lib/", "clock"),
        lua!("lib/", "commits"),
        lua!("lib/", "process"),
        lua!("lib/", "order"),
        lua!("lib/", "session"),
        lua!("lib/", "limit"),
        lua!("lib/", "lists"),
        lua!("lib/", "list"),
        lua!("lib/", "together"),
        lua!("lib/", "files"),
        lua!("lib/", "member"),
        lua!("lib/", "pins"),
        lua!("lib/", "invites"),
        lua!("lib/", "others"),
        lua!("lib/", "quote"),
        lua!("lib/", "reactions"),
        lua!("lib/", "follow"),
    ]
    .concat()
}

/// Returns what these lines of Lua use of a library, and what that uses itself, in the library's
/// order. `own`: the names that the lines give to something else.
pub(crate) fn used(library: &str, lines: &str, own: &[&str]) -> String {
    let mut words: HashSet<&str> = words(lines).filter(|word| !own.contains(word)).collect();
    let mut kept = Vec::new();
    for item in items(library).into_iter().rev() {
        if words.contains(name(item)) {
            words.extend(self::words(item));
            kept.push(item);
        }
    }
    kept.into_iter().rev().collect()
}

/// Returns the functions and values of a library: each begins at the beginning of a line, with the
/// word `local`.
fn items(library: &str) -> Vec<&str> {
    let mut starts: Vec<usize> = library
        .match_indices("\nlocal ")
        .map(|(at, _)| at + 1)
        .collect();
    if library.starts_with("local ") {
        starts.insert(0, 0);
    }
    let ends = starts.iter().copied().skip(1).chain([library.len()]);
    let bounds = starts.iter().copied().zip(ends);
    bounds.map(|(start, end)| &library[start..end]).collect()
}

/// Returns the name of an item.
fn name(item: &str) -> &str {
    let rest = item
        .trim_start_matches("local ")
        .trim_start_matches("function ");
    let end = rest.find(|letter| !is_of_a_word(letter));
    &rest[..end.unwrap_or(rest.len())]
}

/// Returns the words of Lua, but for those of comments that have a line of their own.
fn words(lines: &str) -> impl Iterator<Item = &str> {
    let code = lines
        .lines()
        .filter(|line| !line.trim_start().starts_with("--"));
    code.flat_map(|line| line.split(|letter| !is_of_a_word(letter)))
}

fn is_of_a_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Verb;

    const LIBRARY: &str = "-- Of one.
local ONE = '1'
  .. '2'
-- It uses one.
local function two() return ONE end
local three = 3

-- It uses two, not four.
local function four()
  return two()
end
";

    #[test]
    fn a_script_gets_what_it_uses_and_what_that_uses() {
        let code_of = |lines: &str, own: &[&str]| {
            let used = used(LIBRARY, lines, own);
            let code = used
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with("--"));
            code.collect::<Vec<_>>().join("|")
        };
        assert_eq!(code_of("return 1\n  -- four", &[]), "");
        assert_eq!(code_of("return three\n-- four", &[]), "local three = 3");
        assert_eq!(
            code_of("return two()", &[]),
            "local ONE = '1'|  .. '2'|local function two() return ONE end"
        );
        let four = code_of("four()", &[]);
        assert!(
            four.contains("function two") && four.ends_with("|end"),
            "{four}"
        );
        assert!(!four.contains("three"), "{four}");
        assert_eq!(code_of("return three", &["three"]), "");
    }

    #[test]
    fn the_library_has_each_name_once_and_in_an_order_in_which_it_is_known() {
        let library = library();
        let items = items(&library);
        for (at, item) in items.iter().enumerate() {
            let known: Vec<_> = items[..at].iter().map(|item| name(item)).collect();
            assert!(
                !known.contains(&name(item)),
                "{} is there twice",
                name(item)
            );
            let later = items[at + 1..].iter().map(|item| name(item));
            let early: Vec<_> = later
                .filter(|name| words(item).any(|word| word == *name))
                .collect();
            assert!(early.is_empty(), "{} uses {early:?}", name(item));
        }
    }

    #[test]
    fn every_item_of_the_library_is_used_by_a_script() {
        let library = library();
        let scripts: Vec<_> = Verb::ALL.iter().map(|verb| verb.source(&library)).collect();
        for item in items(&library) {
            let used = scripts.iter().any(|script| script.contains(item));
            assert!(used, "no script uses {}", name(item));
        }
    }
}
