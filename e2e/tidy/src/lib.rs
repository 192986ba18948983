//! Tests of the text of this repository: its width, its docs, and which part may know which. They
//! read files only, so `cargo test -p tidy` compiles and runs in seconds.

/// The arrows: the crates, and the wings inside a crate, that may know each other.
pub mod arrows;
/// Rust without its comments and strings, and the paths in it.
pub mod code;
/// The beginnings of doc comments, and places without one.
pub mod docs;
/// The files of the repository.
pub mod files;
/// The width of lines, and words that must not be in any.
pub mod lines;
/// The threat model, each line of which has its test.
pub mod security;
