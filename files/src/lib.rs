//! Attachments and avatars over an object store: a folder of this machine, or anything that speaks
//! S3.
//!
//! | object | what it is |
//! |---|---|
//! | `attachments/<chat>/<hash>` | an attachment, byte for byte but for a photo's metadata |
//! | `attachments/<chat>/<hash>.<edge>.webp` | its thumbnail, made when it is first asked for |
//! | `avatars/<hash>` | an avatar: the square in the middle of what came, WebP of at most 512 px |
//! | `avatars/<hash>.128.webp` | the same in small |
//!
//! Four rules carry the rest:
//!
//! - **A name is the SHA-256 of the content.** The same bytes are one object, uploads of them at
//!   the same time do each other no harm, and an object never changes: it may be cached for ever.
//! - **An object is there as a whole or not at all.** An upload is spooled into a file without a
//!   name while it is hashed and counted; the store hears of it only when its last byte is here.
//! - **No metadata is kept beside an object.** Its type is found from its first bytes whenever it
//!   is read, so nothing can contradict it, and the type that a client claims is not believed.
//! - **Callers know the references.** An object that no message and no user refers to is deleted by
//!   the caller: see [`Files::list_all`] and [`Files::delete_older`].

mod avatar;
mod error;
mod get;
mod gif;
mod hash;
mod heif;
mod identity;
mod metadata;
mod open;
mod picture;
mod put;
mod sniff;
mod space;
mod span;
mod spool;
mod sweep;
mod thumbnail;

// Tests on a real server of S3. They are inside the crate, since they choose the credentials of the
// client, and break an upload where no caller can.
#[cfg(test)]
#[path = "../tests/unit/s3.rs"]
mod s3;

pub use avatar::MAX_AVATAR;
pub use error::{Error, OpenError};
pub use get::Object;
pub use hash::{FileHash, NotAHash};
pub use open::{Files, install_tls};
pub use picture::MAX_PICTURE;
pub use put::{RENEWED, StoredFile};
pub use space::{Size, Space};
pub use span::{NotASpan, Span};
pub use sweep::Listed;
