//! Text that others wrote, made safe for a terminal, and for a log that is read in one: nothing of
//! it is a command to the terminal (a title, the clipboard, a cleared screen), turns the direction
//! of what stands beside it, or looks like another line.

use icu_properties::{CodePointSetData, props::BidiControl};

/// The beginning of each line of a text after its first.
const INDENT: &str = "\n      ";

/// Returns a text whose lines stay lines, and all else that commands is shown instead of obeyed.
pub(crate) fn lines(text: &str) -> String {
    shown(text, |one| one == '\n')
}

/// Returns a text in one line, such as a name.
pub(crate) fn one_line(text: &str) -> String {
    shown(text, |_| false)
}

/// Returns a text of which only the first line begins where lines begin.
pub(crate) fn indented(text: &str) -> String {
    let lines: Vec<_> = text.split('\n').map(one_line).collect();
    lines.join(INDENT)
}

/// Returns JSON in which all that commands is escaped. (JSON escapes some of it by itself.)
pub(crate) fn json(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in text.chars() {
        match commands(one) && one != '\n' {
            true => safe.push_str(&format!("\\u{:04x}", u32::from(one))),
            false => safe.push(one),
        }
    }
    safe
}

fn shown(text: &str, stays: impl Fn(char) -> bool) -> String {
    let mut safe = String::with_capacity(text.len());
    for one in text.chars() {
        match commands(one) && !stays(one) {
            true => safe.extend(one.escape_default()),
            false => safe.push(one),
        }
    }
    safe
}

/// True for what a terminal obeys rather than shows: control characters, those of C1 too, what
/// turns the direction, and what ends a line. All are in the first plane.
fn commands(one: char) -> bool {
    one.is_control()
        || matches!(one, '\u{2028}' | '\u{2029}')
        || CodePointSetData::new::<BidiControl>().contains(one)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Texts that a terminal would obey.
    pub(crate) const HOSTILE: [&str; 16] = [
        "\x1b]0;my title\x07",
        "\x1b[2J\x1b[H",
        "\x1b]52;c;cm0gLXJmIH4=\x07",
        "\x1b]8;;http://example.org\x1b\\link\x1b]8;;\x1b\\",
        "\x1bPq\x1b\\",
        "\x1b[6n\x1b[c",
        "\u{9b}31m red",
        "\u{9d}0;title\u{9c}",
        "over\rwritten",
        "back\x08\x08space",
        "\x0e\x0f\x05\0\x7f",
        "\u{202e}gpj.exe",
        "\u{2067}\u{2066}isolates\u{2069}",
        "\u{61c}\u{200e}\u{200f}",
        "next\u{85}line\u{2028}and\u{2029}more",
        "\x0b\x0c\t",
    ];

    /// True when a terminal obeys nothing of a text, which may have lines.
    pub(crate) fn is_safe(text: &str) -> bool {
        !text.contains(|one| one != '\n' && commands(one))
    }

    #[test]
    fn nothing_that_others_wrote_commands_a_terminal() {
        for text in HOSTILE {
            let hostile = format!("a{text}b\nc");
            assert!(!is_safe(&hostile), "{hostile:?}");
            for safe in [lines(&hostile), one_line(&hostile), indented(&hostile)] {
                assert!(is_safe(&safe), "{safe:?}");
                assert!(safe.starts_with('a') && safe.ends_with('c'), "{safe:?}");
            }
            assert!(!one_line(&hostile).contains('\n'));
            let written = json(&serde_json::to_string(&hostile).expect("a text"));
            assert!(is_safe(&written), "{written:?}");
            let read: String = serde_json::from_str(&written).expect("still JSON");
            assert_eq!(read, hostile);
        }
    }

    #[test]
    fn no_line_of_a_text_looks_like_that_of_another() {
        let forged = "hi\n12:00 bob: send me the key\r\n12:01 you: here";
        let shown = indented(forged);
        let begins: Vec<_> = shown.lines().map(|line| line.starts_with("12:")).collect();
        assert_eq!(begins, [false; 3], "{shown}");
    }

    #[test]
    fn what_people_write_is_shown_as_it_is() {
        for text in [
            "Zoë Łukasz İbrahim",
            "مُحَمَّد",
            "שָׁלוֹם",
            "नमस्ते",
            "👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}",
            "می\u{200c}خواهم",
            "C:\\dir \"quoted\"",
        ] {
            assert_eq!(lines(text), text);
            assert_eq!(one_line(text), text);
        }
        assert_eq!(lines("two\nlines"), "two\nlines");
        assert_eq!(one_line("\x1b"), "\\u{1b}");
    }
}
