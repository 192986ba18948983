//! The threat model in `SECURITY.md`: each of its lines has a test, and the test exists.

use crate::files::File;

/// Returns a complaint about each line of the model whose test is not there.
pub fn untested_threats(files: &[File]) -> Vec<String> {
    let model = text(files, "SECURITY.md").unwrap_or_default();
    let rows = model.lines().filter(|line| line.starts_with("| "));
    rows.skip(1) // the header
        .filter(|row| !has_test(files, row))
        .map(|row| format!("SECURITY.md: no such test: {row}"))
        .collect()
}

/// True when the last cell of a row has names of tests, and each of them is there.
fn has_test(files: &[File], row: &str) -> bool {
    let cell = row.trim_end_matches([' ', '|']).rsplit('|').next();
    let names = cell.unwrap_or_default().split(", ");
    names
        .map(|name| name.trim().trim_matches('`'))
        .all(|name| is_test(files, name))
}

/// True when a file `module.rs` has a test of the name `module::test`.
fn is_test(files: &[File], name: &str) -> bool {
    let Some((module, test)) = name.split_once("::") else {
        return false;
    };
    let (path, declared) = (format!("/{module}.rs"), format!("fn {test}("));
    let sources = files.iter().filter(|file| file.path.ends_with(&path));
    sources
        .into_iter()
        .any(|file| file.text.contains(&declared))
}

fn text<'a>(files: &'a [File], path: &str) -> Option<&'a str> {
    let file = files.iter().find(|file| file.path == path)?;
    Some(&file.text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn each_threat_has_its_test() {
        let untested = untested_threats(&files::all());
        assert!(untested.is_empty(), "{}", untested.join("\n"));
    }

    #[test]
    fn a_threat_without_a_test_is_found() {
        let file = |path: &str, text: &str| File {
            path: path.into(),
            text: text.into(),
        };
        let tests = [
            file("e2e/tests/it/a.rs", "async fn it_holds(sql: Sql) {"),
            file("api/src/live/b.rs", "    fn it_holds_too() {"),
        ];
        let model = |cell: &str| {
            let rows = format!("| they | because | test |\n|---|---|---|\n| x | y | {cell} |\n");
            let [one, two] = tests.clone();
            untested_threats(&[one, two, file("SECURITY.md", &rows)]).len()
        };
        for good in ["`a::it_holds`", "`a::it_holds`, `b::it_holds_too`"] {
            assert_eq!(model(good), 0, "{good}");
        }
        for bad in [
            "`a::it_hold`",
            "`b::it_holds`",
            "`a::it_holds`, `a::it_holds_too`",
            "`a::it_holds`,",
            "",
            "it holds",
        ] {
            assert_eq!(model(bad), 1, "{bad}");
        }
    }
}
