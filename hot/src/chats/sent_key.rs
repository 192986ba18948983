//! The idempotency keys of messages: for how long, and as what, Redis remembers them.
//!
//! A key that is a UUID with a time in it tells how old it is, and SQL is asked for an old one. So
//! Redis need not remember it for long, which would be most of what a chat with much traffic costs.

use std::time::Duration;

use fred::types::Value;
use model::{Tick, UserId};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::wire::arg;

/// The time for which a key that does not tell its age protects from a second append.
pub const SENT_AGE: Duration = Duration::from_secs(3600);

/// What the clock of who made a key may be wrong by, without SQL being asked at each message: the
/// five minutes of Kerberos (RFC 4120, section 8.2).
const BELIEVED: Duration = Duration::from_secs(300);

/// The time for which Redis remembers a key that tells its age; SQL is asked for older ones. It
/// must be there for as long as its time is believed: from `BELIEVED` before that to as long after,
/// by the clocks of any two APIs, each of which may be a minute away from that of Redis.
pub(crate) const RECENT_AGE: Duration = Duration::from_secs(2 * (300 + 60));

/// Returns when a key was made, by the clock of who made it, if it tells that.
fn made_at(key: &str) -> Option<Tick> {
    let (seconds, nanos) = key.parse::<Uuid>().ok()?.get_timestamp()?.to_unix();
    let micros = seconds.checked_mul(1_000_000)? + u64::from(nanos / 1000);
    i64::try_from(micros).ok().map(Tick)
}

/// Returns true when a key tells its age, and Redis may have forgotten it: SQL is to be asked.
#[must_use]
pub fn may_be_forgotten(key: &str) -> bool {
    made_at(key)
        .is_some_and(|made| u128::from(made.0.abs_diff(Tick::now().0)) > BELIEVED.as_micros())
}

/// Returns true when what a key tells of its age holds for one that was sent at this time: it is
/// not from a time to come, in which it would be believed again, and long forgotten.
pub(crate) fn tells_age(key: &str, sent: Tick) -> bool {
    made_at(key).is_some_and(|made| made.earlier(BELIEVED) <= sent)
}

/// Returns what `recent` has of a key that tells a time: the first half of the SHA-256 of its
/// sender and itself. It is empty for any other key.
pub(crate) fn digest(sender: UserId, key: &str) -> Value {
    if made_at(key).is_none() {
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
        if !tells_age(key, *id) {
            sent.extend([arg(id), arg(format_args!("{sender}:{key}"))]);
        } else if *id > since {
            recent.extend([arg(id), digest(*sender, key)]);
        }
    }
    (sent, recent)
}

#[cfg(test)]
mod tests {
    use uuid::{NoContext, Timestamp};

    use super::*;

    /// Makes a key of so many seconds from now.
    fn key(seconds: i64) -> String {
        let now = Tick::now().0 / 1_000_000;
        let made = u64::try_from(now + seconds).expect("after 1970");
        Uuid::new_v7(Timestamp::from_unix(NoContext, made, 0)).to_string()
    }

    fn ago(seconds: u64) -> Tick {
        Tick::now().earlier(Duration::from_secs(seconds))
    }

    #[test]
    fn only_a_key_that_redis_may_have_forgotten_is_looked_up_in_sql() {
        for (seconds, forgotten) in [(-310, true), (-290, false), (290, false), (310, true)] {
            assert_eq!(may_be_forgotten(&key(seconds)), forgotten, "{seconds}");
        }
        assert!(!may_be_forgotten("any other key"));
        assert!(!may_be_forgotten(&Uuid::nil().to_string()));
    }

    #[test]
    fn a_key_from_a_time_to_come_is_one_that_tells_nothing() {
        let user = UserId::new();
        let now = Tick::now();
        for (seconds, tells) in [(-7200, true), (0, true), (290, true), (310, false)] {
            assert_eq!(tells_age(&key(seconds), now), tells, "{seconds}");
        }
        assert!(!tells_age("k1", now));
        assert_eq!(digest(user, "k1"), arg(""));
        let one = key(0);
        assert_eq!(digest(user, &one), digest(user, &one));
        assert_ne!(digest(user, &one), digest(UserId::new(), &one));
    }

    #[test]
    fn the_keys_of_a_chat_that_is_loaded_are_those_that_it_had() {
        let user = UserId::new();
        let keys = [
            ("k1".to_owned(), ago(3000)),
            (key(-3000), ago(3000)),
            (key(-100), ago(100)),
            (key(3000), ago(100)),
        ];
        let rows: Vec<_> = keys
            .iter()
            .map(|(key, id)| (user, key.clone(), *id))
            .collect();
        let (sent, recent) = remembered(&rows);
        let entries = |at: [usize; 2]| at.map(|at| arg(format_args!("{user}:{}", keys[at].0)));
        let ids = |at: [usize; 2]| at.map(|at| arg(keys[at].1));
        assert_eq!([&sent[0], &sent[2]], ids([0, 3]).each_ref());
        assert_eq!([&sent[1], &sent[3]], entries([0, 3]).each_ref());
        assert_eq!(recent, [arg(keys[2].1), digest(user, &keys[2].0)]);
    }
}
