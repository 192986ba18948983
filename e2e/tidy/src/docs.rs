//! The beginnings of doc comments, and places without one.
//!
//! A doc says what a thing is or does, so its first line has a subject ("The tick of the last
//! change") or a verb in the third person ("Returns the tick"). A line that begins with a pronoun
//! or a wh-word has neither. The codebases that this one follows have 1.4 to 2.5 % of such lines.

use std::collections::BTreeMap;

use crate::files::File;

/// The words by which a doc line must not begin: pronouns and wh-words.
#[rustfmt::skip]
const WORDS: &[&str] = &[
    "i", "it", "its", "itself", "he", "she", "his", "her", "him", "they", "them", "their",
    "theirs", "we", "us", "our", "ours", "you", "your", "yours", "this", "that", "these",
    "those", "who", "whom", "whose", "whoever", "what", "whatever", "which", "when", "where",
    "why", "how", "whether", "somebody", "someone", "something", "nobody", "nothing",
    "everybody", "everything", "one", "all", "there",
];
/// The limit: fewer than this part of a crate's doc lines, in percent.
const LIMIT: usize = 3;

/// The doc lines of a file, or of many.
#[derive(Debug, Default)]
pub struct Count {
    /// The number of lines that have a word.
    pub lines: usize,
    /// A complaint about each that begins with one of [`WORDS`].
    pub offenders: Vec<String>,
}

impl Count {
    /// Counts the doc lines of a Rust file: all but tables, fences and headings.
    pub fn of(file: &File) -> Self {
        let mut count = Self::default();
        for (at, line) in file.text.lines().enumerate() {
            let line = line.trim_start();
            let Some(doc) = line.strip_prefix("///").or(line.strip_prefix("//!")) else {
                continue;
            };
            let doc = doc.trim();
            if doc.is_empty() || ["|", "```", "#"].iter().any(|mark| doc.starts_with(mark)) {
                continue;
            }
            count.lines += 1;
            if WORDS.contains(&first_word(doc).as_str()) {
                count
                    .offenders
                    .push(format!("{}:{}: {doc}", file.path, at + 1));
            }
        }
        count
    }

    /// Adds another count.
    pub fn add(&mut self, other: Count) {
        self.lines += other.lines;
        self.offenders.extend(other.offenders);
    }

    /// Tells whether there are too many offenders.
    pub fn is_over(&self) -> bool {
        self.offenders.len() * 100 >= self.lines.max(1) * LIMIT
    }
}

/// Returns the first word, in small letters; "it's" counts as "it".
fn first_word(doc: &str) -> String {
    let from = doc.trim_start_matches(|c: char| !c.is_alphanumeric());
    let word = from.split(|c: char| !c.is_ascii_alphabetic()).next();
    word.unwrap_or_default().to_lowercase()
}

/// Counts the doc lines of each crate, by its folder.
pub fn by_crate(files: &[File]) -> BTreeMap<String, Count> {
    let mut counts: BTreeMap<String, Count> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path.ends_with(".rs")) {
        let folder = file.path.split('/').next().unwrap_or_default();
        counts
            .entry(folder.to_owned())
            .or_default()
            .add(Count::of(file));
    }
    counts
}

/// Returns a complaint about each `mod` line of a `lib.rs` or `mod.rs` without a doc comment.
pub fn bare_modules(file: &File) -> Vec<String> {
    let mut bare = Vec::new();
    let mut has_doc = false;
    for (at, line) in file.text.lines().enumerate() {
        let is_module = line.ends_with(';')
            && line
                .split(' ')
                .any(|word| word == "mod" && !line.trim_start().starts_with("//"));
        if is_module && !has_doc {
            bare.push(format!("{}:{}: {line}", file.path, at + 1));
        }
        let line = line.trim_start();
        // An attribute may stand between a doc and its item.
        has_doc = line.starts_with("///") || (has_doc && line.starts_with("#["));
    }
    bare
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    /// The crates whose folders are wings, each with a sentence about it.
    const WINGED: &[&str] = &["api/", "hot/", "store/"];

    fn file(text: &str) -> File {
        File {
            path: "a.rs".into(),
            text: text.into(),
        }
    }

    #[test]
    fn few_doc_lines_begin_with_a_pronoun_or_a_wh_word() {
        let mut counts = by_crate(&files::all());
        let mut whole = Count::default();
        for count in counts.values() {
            whole.add(Count {
                lines: count.lines,
                offenders: count.offenders.clone(),
            });
        }
        counts.insert("in all".into(), whole);
        for (name, count) in &counts {
            let (bad, lines) = (count.offenders.len(), count.lines);
            let percent = bad as f64 * 100.0 / lines.max(1) as f64;
            println!("{name:10} {lines:5} doc lines, {bad:4} of them so: {percent:.1} %");
        }
        let over = counts.iter().filter(|(_, count)| count.is_over());
        let over: Vec<_> = over
            .map(|(name, count)| format!("{name}:\n{}", count.offenders.join("\n")))
            .collect();
        assert!(over.is_empty(), "{LIMIT} % or more:\n{}", over.join("\n"));
    }

    #[test]
    fn every_module_of_a_winged_crate_has_a_doc() {
        let files = files::all();
        let faces = files.iter().filter(|file| {
            WINGED.iter().any(|folder| file.path.starts_with(folder))
                && (file.path.ends_with("src/lib.rs") || file.path.ends_with("/mod.rs"))
        });
        let bare: Vec<_> = faces.flat_map(bare_modules).collect();
        assert!(bare.is_empty(), "{}", bare.join("\n"));
    }

    #[test]
    fn a_pronoun_at_the_begin_of_a_doc_line_counts_and_one_inside_does_not() {
        let bad = "/// It is so.\n    //! Whose it is.\n/// `What` it has\n\
                   /// (they're)\n/// - all of it";
        let count = Count::of(&file(bad));
        assert_eq!((count.lines, count.offenders.len()), (5, 5), "{count:?}");
        assert_eq!(count.offenders[1], "a.rs:2: Whose it is.");
        assert!(count.is_over());
        let good =
            "/// Returns it.\n// It is no doc.\n///\n/// # What\n/// | It |\n/// ```\n/// 1 of it";
        let count = Count::of(&file(good));
        assert_eq!((count.lines, count.offenders.len()), (2, 0), "{count:?}");
        assert!(!count.is_over());
    }

    #[test]
    fn three_percent_are_over_the_limit() {
        let good = "/// Returns it.\n".repeat(97);
        assert!(Count::of(&file(&format!("{good}{}", "/// It.\n".repeat(3)))).is_over());
        assert!(!Count::of(&file(&format!("{good}{}", "/// It.\n".repeat(2)))).is_over());
    }

    #[test]
    fn a_module_without_a_doc_is_found() {
        let text =
            "/// What it has.\n#[cfg(unix)]\nmod a;\npub mod b;\n\n/// Lost.\n\npub(crate) mod c;";
        let lines = ["a.rs:4: pub mod b;", "a.rs:8: pub(crate) mod c;"];
        assert_eq!(bare_modules(&file(text)), lines);
        assert!(bare_modules(&file("//! In mod a;\nmod inline {\n}")).is_empty());
    }
}
