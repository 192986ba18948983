//! Files on a real folder.

mod attachments;
mod avatars;
mod pictures;
mod ranges;
mod store;
mod sweep;
mod thumbnails;

use std::{fs, io, path::Path};

use bytes::Bytes;
use files::{Error, Files, Object, Space, StoredFile};
use futures_util::{Stream, TryStreamExt, stream};
use model::ChatId;
use tempfile::TempDir;

/// More bytes than any test sends.
const ENOUGH: u64 = 1 << 30;

/// A folder of its own for each test.
struct Store {
    files: Files,
    folder: TempDir,
    /// The attachments of some chat.
    space: Space,
}

impl Store {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        Self {
            files: Files::folder(folder.path()).expect("files"),
            folder,
            space: Space::Attachments(ChatId::new()),
        }
    }

    async fn put(&self, bytes: impl AsRef<[u8]>) -> Result<StoredFile, Error> {
        self.files.put(self.space, body(bytes), ENOUGH).await
    }

    /// Lists the files in the folder, with paths from there.
    fn objects(&self) -> Vec<String> {
        fn walk(root: &Path, folder: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else {
                    found.push(
                        path.strip_prefix(root)
                            .expect("it is below")
                            .to_str()
                            .expect("UTF-8")
                            .to_owned(),
                    );
                }
            }
        }
        let mut found = Vec::new();
        walk(self.folder.path(), self.folder.path(), &mut found);
        found.sort();
        found
    }

    /// Opens the file of an object.
    fn file(&self, path: impl AsRef<Path>) -> fs::File {
        fs::File::options()
            .write(true)
            .open(self.folder.path().join(path))
            .expect("an object")
    }
}

/// Makes a body that comes in pieces, as from a network.
fn body(bytes: impl AsRef<[u8]>) -> impl Stream<Item = io::Result<Bytes>> {
    let pieces: Vec<_> = bytes
        .as_ref()
        .chunks(60_000)
        .map(|piece| Ok(Bytes::copy_from_slice(piece)))
        .collect();
    stream::iter(pieces)
}

async fn bytes(object: Object) -> Vec<u8> {
    object
        .bytes
        .try_collect::<Vec<_>>()
        .await
        .expect("bytes")
        .concat()
}

/// Makes bytes that are no text, and others for another seed.
fn noise(seed: u64, count: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    // Zeros first: random bytes begin as some format or other now and then.
    [0; 4]
        .into_iter()
        .chain(std::iter::repeat_with(&mut next))
        .take(count)
        .collect()
}
