//! The width of lines, and words that must not be in any.

use crate::files::File;

/// The width of a line, in characters.
const WIDTH: usize = 100;
/// The endings of the names of files that people write line by line.
const WRITTEN: &[&str] = &[
    ".rs",
    ".lua",
    ".ts",
    ".tsx",
    ".mjs",
    ".css",
    ".md",
    ".py",
    ".toml",
    ".yml",
    ".yaml",
    "Makefile",
    "Dockerfile",
    ".ci/run",
    "scripts/guards",
    "scripts/setup",
];
/// The exceptions: a program writes these.
const GENERATED: &[&str] = &["clients/typescript/src/schema.d.ts"];
/// Documents that are not in the repository, so nothing may refer to them.
const ABSENT: &[&str] = &["DESIGN", "API.md"];

/// Returns a complaint about each line that is wider than [`WIDTH`].
///
/// A URL cannot be broken, nor a row of a table in Markdown.
pub fn too_wide(file: &File) -> Vec<String> {
    let is_written = WRITTEN.iter().any(|end| file.path.ends_with(end));
    if !is_written || GENERATED.contains(&file.path.as_str()) {
        return Vec::new();
    }
    let is_markdown = file.path.ends_with(".md");
    let mut wide = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let width = line.chars().count();
        let is_table = is_markdown && line.starts_with('|');
        if width > WIDTH && !is_table && !is_url(line) {
            wide.push(format!("{}:{}: {width} characters", file.path, at + 1));
        }
    }
    wide
}

/// Tells whether a line is a URL alone, after the marks of a comment or a list.
fn is_url(line: &str) -> bool {
    let marks = ['/', '!', '#', '-', '*', '<', ' '];
    let rest = line.trim_start_matches(marks);
    rest.starts_with("http") && rest.contains("://") && !rest.contains(' ')
}

/// Returns a complaint about each line that names a document of [`ABSENT`].
pub fn names_absent(file: &File) -> Vec<String> {
    let mut found = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let words = || line.split(|c: char| !c.is_alphanumeric() && c != '.' && c != '_');
        let is_absent = |word: &str| ABSENT.contains(&word.trim_matches('.'));
        if words().any(is_absent) {
            found.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
        }
    }
    found
}

/// Returns a complaint about each line of a Redis verb that names a key or an argument by its
/// number: verbs have names for them, from the table of verbs.
pub fn numbered_arguments(file: &File) -> Vec<String> {
    let is_verb =
        file.path.starts_with("hot/src/lua/") && !file.path.starts_with("hot/src/lua/lib/");
    let mut found = Vec::new();
    for (at, line) in file.text.lines().enumerate() {
        let code = line.split("--").next().unwrap_or_default();
        if is_verb && (code.contains("KEYS[") || code.contains("ARGV[")) {
            found.push(format!("{}:{}: {}", file.path, at + 1, line.trim()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.into(),
            text: text.into(),
        }
    }

    #[test]
    fn no_line_is_too_wide() {
        let files = files::all();
        let wide: Vec<_> = files.iter().flat_map(too_wide).collect();
        assert!(
            wide.is_empty(),
            "{} lines:\n{}",
            wide.len(),
            wide.join("\n")
        );
    }

    #[test]
    fn no_line_names_a_document_that_is_absent() {
        let files = files::all();
        let others = files
            .iter()
            .filter(|file| file.path != "e2e/tidy/src/lines.rs");
        let found: Vec<_> = others.flat_map(names_absent).collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn no_verb_of_redis_numbers_its_keys_or_arguments() {
        let found: Vec<_> = files::all().iter().flat_map(numbered_arguments).collect();
        assert!(found.is_empty(), "{}", found.join("\n"));
    }

    #[test]
    fn a_line_of_101_characters_is_too_wide_and_one_of_100_is_not() {
        let of = |width| format!("short\n{}\n", "ä".repeat(width));
        for path in [
            "a/b.rs",
            "a/b.lua",
            "web/b.tsx",
            "a.md",
            "Makefile",
            "scripts/setup",
        ] {
            assert_eq!(
                too_wide(&file(path, &of(101))),
                [format!("{path}:2: 101 characters")]
            );
            assert!(too_wide(&file(path, &of(100))).is_empty());
        }
    }

    #[test]
    fn a_url_a_row_of_a_table_and_what_a_program_wrote_may_be_wide() {
        let x = "x".repeat(100);
        assert!(too_wide(&file("a.rs", &format!("    // https://example.org/{x}"))).is_empty());
        assert!(too_wide(&file("a.md", &format!("| a | {x} |"))).is_empty());
        assert!(too_wide(&file("clients/typescript/src/schema.d.ts", &x.repeat(2))).is_empty());
        assert!(too_wide(&file("web/package-lock.json", &x.repeat(2))).is_empty());
        // But not a sentence with a URL in it, nor a table of code.
        assert!(!too_wide(&file("a.md", &format!("see https://example.org {x}"))).is_empty());
        assert!(!too_wide(&file("a.rs", &format!("| a | {x} |"))).is_empty());
    }

    #[test]
    fn a_number_of_a_key_or_an_argument_is_found_in_verbs_alone() {
        let text = "-- KEYS[1] is the row\nlocal row = KEYS[1]\nlocal rev = tonumber(ARGV[2])\n";
        let path = "hot/src/lua/chats/append.lua";
        let lines = [2, 3].map(|at| format!("{path}:{at}: {}", text.lines().nth(at - 1).unwrap()));
        assert_eq!(numbered_arguments(&file(path, text)), lines);
        assert!(numbered_arguments(&file("hot/src/lua/lib/clock.lua", text)).is_empty());
        assert!(numbered_arguments(&file("e2e/src/stack.rs", text)).is_empty());
    }

    #[test]
    fn a_document_that_is_absent_is_found_by_its_name_alone() {
        assert_eq!(
            names_absent(&file("a", "as DESIGN says\n")),
            ["a:1: as DESIGN says"]
        );
        assert_eq!(
            names_absent(&file("a", "\nsee API.md.")),
            ["a:2: see API.md."]
        );
        assert!(names_absent(&file("a", "a design; DESIGNED; OPENAPI.md")).is_empty());
    }
}
