//! The codes of problems: each is in the document, and each is the answer to something.

use std::{fs, path::Path};

use model::{FieldErrorCode, ProblemCode};
use serde_json::Value;

/// Returns the text of all sources of the API.
fn sources(folder: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            text += &sources(&path);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            text += &fs::read_to_string(&path).expect("a source is text");
        }
    }
    text
}

/// True when the sources name the code, and nothing longer that begins like it.
fn is_named(sources: &str, code: &str) -> bool {
    sources
        .match_indices(code)
        .any(|(at, _)| !sources[at + code.len()..].starts_with(char::is_alphanumeric))
}

#[test]
fn each_code_is_the_answer_to_something() {
    let sources = sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    let problems = ProblemCode::ALL
        .iter()
        .map(|code| format!("ProblemCode::{code:?}"));
    let fields = FieldErrorCode::ALL
        .iter()
        .map(|code| format!("FieldErrorCode::{code:?}"));
    let unused: Vec<_> = problems
        .chain(fields)
        .filter(|code| !is_named(&sources, code))
        .collect();
    assert!(unused.is_empty(), "no problem has {unused:?}");
}

#[test]
fn the_document_lists_each_code_and_says_what_it_means() {
    let document: Value = serde_json::from_str(&api::openapi()).expect("the document is JSON");
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    let check = |name: &str, codes: Vec<(&str, &str)>| {
        let schema = schema(name);
        let words: Vec<_> = codes.iter().map(|(word, _)| *word).collect();
        assert_eq!(schema["enum"], Value::from(words));
        let description = schema["description"].as_str().expect("a description");
        for (word, title) in codes {
            let line = description
                .lines()
                .find(|line| line.contains(&format!("`{word}`")));
            assert!(line.is_some_and(|line| line.ends_with(title)), "{word}");
        }
    };
    let problems = ProblemCode::ALL.iter();
    check(
        "ProblemCode",
        problems.map(|code| (code.as_str(), code.title())).collect(),
    );
    let fields = FieldErrorCode::ALL.iter();
    check(
        "FieldErrorCode",
        fields.map(|code| (code.as_str(), code.title())).collect(),
    );
}
