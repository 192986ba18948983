//! What can go wrong.

use std::{io, path::PathBuf};

use crate::picture::MAX_MEMORY;

/// Why a file was not taken, found or made smaller. Absence is no error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// More bytes came than are taken.
    #[error("larger than {limit} bytes")]
    TooLarge {
        /// In bytes; so many would have been taken.
        limit: u64,
    },
    /// No bytes came.
    #[error("empty")]
    Empty,
    /// Nothing that a smaller picture can be made of, or too broken for it.
    #[error("not an image in PNG, JPEG, WebP or GIF")]
    NotAnImage,
    /// An image that would take too much memory to decode, whatever its size as a file.
    #[error("more than {edge} pixels wide or high, or {} MiB when decoded", MAX_MEMORY >> 20)]
    TooManyPixels {
        /// In pixels; so many would have been taken.
        edge: u32,
    },
    /// The range has none of the file's bytes.
    #[error("outside of the {size} bytes that there are")]
    OutOfRange {
        /// Of the file, in bytes.
        size: u64,
    },
    /// The bytes ceased to come before their end.
    #[error("the upload broke off: {0}")]
    Upload(#[source] io::Error),
    /// The folder in which uploads wait until they are whole.
    #[error("cannot spool in {}: {cause}", folder.display())]
    Spool {
        /// Where.
        folder: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The object store.
    #[error("the object store: {}", in_one_line(.0))]
    Store(#[from] object_store::Error),
    /// The probe was written, and something else was read.
    #[error("the object store does not give back what it was given")]
    Forgetful,
    /// The process is ending.
    #[error("stopped before the end")]
    Stopped,
}

/// Why no object store could be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Neither a path nor an address of S3.
    #[error("{location:?} must be a folder, or as s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-1: {reason}")]
    Location {
        /// As it was given, without secrets.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The folder cannot be made.
    #[error("cannot make the folder {}: {cause}", folder.display())]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// The settings of the object store contradict each other, or its client cannot start.
    #[error("cannot use {location}: {}", in_one_line(cause))]
    Store {
        /// As it was given.
        location: String,
        /// Why.
        #[source]
        cause: object_store::Error,
    },
}

/// Servers answer in documents.
fn in_one_line(error: &object_store::Error) -> String {
    error.to_string().split_whitespace().collect::<Vec<_>>().join(" ")
}
