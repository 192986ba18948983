//! Requests to receivers of an operator's or a product's: signatures of Standard Webhooks, the
//! addresses that may be told, and the client that tells them. It knows no store.

/// The networks that are nobody's on the Internet.
mod network;
/// Names are looked up once, and only good addresses are connected to.
mod resolver;
/// The client that tells receivers.
mod sender;
/// Signatures and secrets.
mod signature;
/// The URLs that a webhook may have.
mod target;

pub use network::is_public;
pub use sender::{Failure, Notice, Sender};
pub use signature::{Signer, new_secret};
pub use target::{BadTarget, Reach, parse_target};
