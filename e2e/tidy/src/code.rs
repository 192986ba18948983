//! Rust without its comments and strings, and the paths in it.

/// Returns the code without comments, strings and characters, and without a module of unit tests
/// at its end.
pub fn bare(text: &str) -> String {
    let text = text.split("\n#[cfg(test)]\nmod ").next().unwrap_or(text);
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let skipped = match c {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => end_of(rest, 2, "*/"),
            '"' => end_of_string(rest),
            'r' if !out.ends_with(is_word) => end_of_raw_string(rest),
            '\'' => end_of_char(rest),
            _ => 0,
        };
        if skipped == 0 {
            out.push(c);
        }
        rest = &rest[skipped.max(c.len_utf8())..];
    }
    out
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Returns the byte after `mark`, looked for from byte `from`.
fn end_of(text: &str, from: usize, mark: &str) -> usize {
    let found = text[from..].find(mark);
    found.map_or(text.len(), |at| from + at + mark.len())
}

fn end_of_string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Returns 0 when the `r` begins no raw string.
fn end_of_raw_string(text: &str) -> usize {
    let hashes = text[1..].len() - text[1..].trim_start_matches('#').len();
    if !text[1 + hashes..].starts_with('"') {
        return 0;
    }
    end_of(text, 2 + hashes, &format!("\"{}", "#".repeat(hashes)))
}

/// Returns 0 when the quote begins a lifetime.
fn end_of_char(text: &str) -> usize {
    let mut chars = text.char_indices().skip(1);
    match (chars.next(), chars.next()) {
        (Some((_, '\\')), _) => end_of(text, 3, "'"),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 0,
    }
}

/// Returns every path that begins with `start` ("crate", "super"), each as its segments without
/// `start`; a `use` of several names gives several. Deeper `super`s stay as segments.
pub fn paths(bare: &str, start: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mark = format!("{start}::");
    for (at, _) in bare.match_indices(&mark) {
        if !bare[..at].ends_with(|c| is_word(c) || c == ':') {
            let mut tree = Tree {
                rest: &bare[at + mark.len()..],
            };
            tree.read(&mut Vec::new(), &mut found);
        }
    }
    found
}

/// The tree of names behind `crate::`, as in `{chats::{list, Chat}, people}`.
struct Tree<'a> {
    rest: &'a str,
}

impl Tree<'_> {
    fn read(&mut self, path: &mut Vec<String>, found: &mut Vec<Vec<String>>) {
        let depth = path.len();
        loop {
            if self.takes("{") {
                while !self.takes("}") && !self.rest.is_empty() {
                    self.read(&mut path.clone(), found);
                    let _ = self.takes(",");
                }
                break;
            }
            let name: String = self.rest.chars().take_while(|c| is_word(*c)).collect();
            if name.is_empty() && !self.takes("*") {
                // Not a path: something that nobody writes, but the reader must go on.
                let skipped = self.rest.chars().next().map_or(0, char::len_utf8);
                self.rest = &self.rest[skipped..];
                break;
            }
            self.rest = self.rest[name.len()..].trim_start();
            path.push(if name.is_empty() { "*".into() } else { name });
            if !self.takes("::") {
                // `as Other` names nothing else.
                if self.takes("as ") {
                    let end = self.rest.find(|c| !is_word(c)).unwrap_or(self.rest.len());
                    self.rest = &self.rest[end..];
                }
                found.push(path.clone());
                break;
            }
        }
        path.truncate(depth);
    }

    /// Skips white space and this text, if it follows.
    fn takes(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_strings_and_unit_tests_are_no_code() {
        let text = "use a; // crate::x\n/* crate::y */ f::<'a>(\"crate::\\\"z\", \
                    'c', '\\'', r#\"crate::\"w\"#);\n\
                    #[cfg(test)]\nmod tests { crate::v }";
        assert_eq!(bare(text), "use a; \n f::<'a>(, , , );");
    }

    #[test]
    fn a_use_of_many_names_is_many_paths() {
        let read = |text: &str| {
            let all = paths(text, "crate");
            all.iter().map(|path| path.join("::")).collect::<Vec<_>>()
        };
        assert_eq!(read("use crate::one::Two;"), ["one::Two"]);
        assert_eq!(
            read("use crate::{\n    Hot, a::{self, b::*, C as D},\n    e::f,\n};\ncrate::g::h(1)"),
            ["Hot", "a::self", "a::b::*", "a::C", "e::f", "g::h"]
        );
        assert_eq!(
            read("pub(crate) fn f() -> crate::Result<crate::a::B> {}"),
            ["Result", "a::B"]
        );
        assert_eq!(read("$crate::x; mycrate::x; a::crate::x"), ["x"]);
    }
}
