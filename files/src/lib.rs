//! Attachments and avatars over an object store: a folder of this machine, or anything that speaks S3.
//!
//! | object | what it is |
//! |---|---|
//! | `attachments/<chat>/<hash>` | an attachment, byte for byte as it came |
//! | `attachments/<chat>/<hash>.<edge>.webp` | its thumbnail, made when it is first asked for |
//! | `avatars/<hash>` | an avatar: the square in the middle of what came, WebP of at most 512 px |
//! | `avatars/<hash>.128.webp` | the same in small |
//!
//! Four rules carry the rest:
//!
//! - **A name is the SHA-256 of the content.** The same bytes are one object, uploads of them at once do each other no harm, and an object never changes: it may be
//!   cached for ever.
//! - **An object is there as a whole or not at all.** What comes is spooled into a file without a name while it is hashed and counted; the store hears of it only when
//!   its last byte is here.
//! - **Nothing is kept beside an object.** Its type is sniffed from its first bytes whenever it is read, so there is nothing that could contradict it, and whatever the
//!   client said is not believed.
//! - **Nothing here knows who refers to an object.** Whoever does, deletes: see [`Files::list_all`] and [`Files::delete_older`].

mod avatar;
mod error;
mod get;
mod hash;
mod identity;
mod open;
mod picture;
mod put;
#[cfg(test)]
mod s3;
mod sniff;
mod space;
mod span;
mod spool;
mod sweep;
mod thumbnail;

pub use avatar::MAX_AVATAR;
pub use error::{Error, OpenError};
pub use get::Object;
pub use hash::{FileHash, NotAHash};
pub use open::{Files, install_tls};
pub use picture::MAX_PICTURE;
pub use put::{RENEWED, Stored};
pub use space::{Size, Space};
pub use span::{NotASpan, Span};
pub use sweep::Listed;
