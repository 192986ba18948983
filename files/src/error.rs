//! The errors of this crate.

use std::{io, path::PathBuf};

use crate::picture::MAX_MEMORY;

/// An error of taking, finding or shrinking a file. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes came than are accepted.
    #[error("larger than {limit} bytes")]
    TooLarge {
        /// The most bytes that are accepted.
        limit: u64,
    },
    /// No bytes came.
    #[error("empty")]
    Empty,
    /// The file is no image of a format that is understood, or it is broken.
    #[error("not an image in PNG, JPEG, WebP or GIF")]
    NotAnImage,
    /// The image would take too much memory to decode, whatever its size as a file.
    #[error("more than {edge} pixels wide or high, or {} MiB when decoded", MAX_MEMORY >> 20)]
    TooManyPixels {
        /// The most pixels that an edge may have.
        edge: u32,
    },
    /// The range has none of the file's bytes.
    #[error("outside of the {size} bytes that there are")]
    OutOfRange {
        /// The size of the file, in bytes.
        size: u64,
    },
    /// The upload broke off before its end.
    #[error("the upload broke off: {0}")]
    Upload(#[source] io::Error),
    /// The folder in which uploads wait until they are whole cannot be used.
    #[error("cannot spool in {}: {cause}", folder.display())]
    Spool {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The object store failed, or cannot be reached.
    #[error("the object store: {}", in_one_line(.0))]
    Store(#[from] object_store::Error),
    /// The probe was written, and something else was read.
    #[error("the object store does not give back what it was given")]
    Forgetful,
    /// As many pictures as may already wait to be decoded.
    #[error("too many pictures at once")]
    Busy,
    /// The disk has too little room left.
    #[error("{} has only {free} free bytes, and must keep {least}", folder.display())]
    DiskFull {
        /// The folder in which uploads wait.
        folder: PathBuf,
        /// The free bytes of its disk.
        free: u64,
        /// The fewest free bytes with which uploads are taken.
        least: u64,
    },
    /// The process is ending.
    #[error("stopped before the end")]
    Stopped,
}

/// An error of opening an object store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The location is neither a path nor an address of S3.
    #[error(
        "{location:?} must be a folder, or as \
         s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-1: {reason}"
    )]
    Location {
        /// The location as it was given, without secrets.
        location: String,
        /// The reason, in a few words.
        reason: String,
    },
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {cause}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// The cause.
        #[source]
        cause: io::Error,
    },
    /// The settings of the object store contradict each other, or its client cannot start.
    #[error("cannot use {location}: {}", in_one_line(cause))]
    Store {
        /// The location as it was given.
        location: String,
        /// The cause.
        #[source]
        cause: object_store::Error,
    },
}

/// Returns an error's text in one line: servers answer in XML documents of many.
fn in_one_line(error: &object_store::Error) -> String {
    error
        .to_string()
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_that_a_server_answers_becomes_one_line() {
        let error = Error::Store(object_store::Error::Generic {
            store: "S3",
            source: "<Error>\n  <Code>SlowDown</Code>\r\n</Error>".into(),
        });
        let told = error.to_string();
        assert!(
            !told.contains(['\n', '\r']) && told.contains("<Code>SlowDown</Code>"),
            "{told}"
        );
    }
}
