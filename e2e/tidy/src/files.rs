//! The files of the repository.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// A text file.
#[derive(Clone, Debug)]
pub struct File {
    /// The path from the root of the repository.
    pub path: String,
    /// The content.
    pub text: String,
}

/// Returns the root of the repository.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors()
        .nth(2)
        .expect("tidy is two folders below the root")
        .to_owned()
}

/// Reads every text file that is committed, or would be by `git add`.
pub fn all() -> Vec<File> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git lists the files");
    let paths = String::from_utf8(listed.stdout).expect("paths are UTF-8");
    // A file that was deleted and is not yet committed so is listed too.
    let files = paths.lines().filter_map(|path| {
        let text = fs::read_to_string(root().join(path)).ok()?;
        Some(File {
            path: path.to_owned(),
            text,
        })
    });
    let files: Vec<_> = files.collect();
    assert!(files.len() > 100, "git lists only {}", files.len());
    files
}
