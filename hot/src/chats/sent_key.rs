//! The idempotency keys of messages: for how long, and as what, Redis remembers them.
//!
//! A key that is a UUID with a time in it tells how old it is, and SQL is asked for an old one. So
//! Redis need not remember it for long, which is most of what a chat with much traffic would cost.

use std::time::Duration;

use fred::types::Value;
use model::{Tick, UserId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::wire::arg;

/// The time for which a key that does not tell its age protects from a second append.
pub const SENT_AGE: Duration = Duration::from_secs(3600);

/// The time for which Redis remembers a key that tells its age; SQL is asked for older ones. Half
/// of it is what a client's clock may be wrong by without being asked for: the five minutes that
/// Kerberos allows (RFC 4120, section 8.2).
pub const RECENT_AGE: Duration = Duration::from_secs(600);

/// Returns when a key was made, by the clock of who made it, if it tells that.
#[must_use]
pub fn key_made_at(key: &str) -> Option<Tick> {
    let (seconds, nanos) = key.parse::<Uuid>().ok()?.get_timestamp()?.to_unix();
    let micros = seconds.checked_mul(1_000_000)? + u64::from(nanos / 1000);
    i64::try_from(micros).ok().map(Tick)
}

/// Returns what Redis remembers of a key that tells its age: the first half of the SHA-256 of its
/// sender and itself. It is empty for any other key.
pub(crate) fn digest(sender: UserId, key: &str) -> Value {
    if key_made_at(key).is_none() {
        return arg("");
    }
    let mut hash = Sha256::new();
    hash.update(sender.0.as_bytes());
    hash.update(key);
    Value::Bytes(hash.finalize()[..16].to_vec().into())
}

/// Returns what `sent` and `recent` have of these keys (sender, key, id): score and entry in turn.
pub(crate) fn remembered(keys: &[(UserId, String, Tick)]) -> (Vec<Value>, Vec<Value>) {
    let (mut sent, mut recent) = (Vec::new(), Vec::new());
    let since = Tick::now().earlier(RECENT_AGE);
    for (sender, key, id) in keys {
        if key_made_at(key).is_none() {
            sent.extend([arg(id), arg(format_args!("{sender}:{key}"))]);
        } else if *id > since {
            recent.extend([arg(id), digest(*sender, key)]);
        }
    }
    (sent, recent)
}
