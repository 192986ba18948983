//! The tick: time order, identity and revision in one number.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};

/// A tick of a chat's or a user's clock: microseconds since 1970, unique and strictly rising in its
/// chat.
///
/// Always below 2^53, so it is exact in JavaScript and in a Lua number. Zero stands for "never".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[cfg_attr(
    feature = "openapi",
    derive(poem_openapi::NewType),
    oai(example = false)
)]
#[serde(transparent)]
pub struct Tick(pub i64);

impl Tick {
    /// "Never": before every tick there is.
    pub const NEVER: Self = Self(0);
    /// A bound after every tick there is.
    pub const LAST: Self = Self(1 << 53);

    /// Returns the time of this machine's own clock; it may go backwards.
    pub fn now() -> Self {
        Self(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| since.as_micros() as i64),
        )
    }

    /// Returns the tick that is `by` earlier.
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0 - by.as_micros() as i64)
    }

    /// Returns the tick that is `by` later.
    pub fn later(self, by: Duration) -> Self {
        Self(self.0 + by.as_micros() as i64)
    }

    /// Returns the time in RFC 3339, in UTC with milliseconds, as in `2026-11-20T21:30:00.123Z`;
    /// cut, not rounded.
    pub fn rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_micros(self.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true)
    }

    /// True for anything but [`Tick::NEVER`].
    pub fn happened(self) -> bool {
        self != Self::NEVER
    }
}

impl fmt::Display for Tick {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_in_milliseconds_and_cut() {
        assert_eq!(
            Tick(1_763_668_800_123_999).rfc3339(),
            "2025-11-20T20:00:00.123Z"
        );
        assert_eq!(Tick::NEVER.rfc3339(), "1970-01-01T00:00:00.000Z");
    }

    #[test]
    fn ticks_are_exact_in_a_double_for_all_time_to_come() {
        let now = Tick::now();
        assert!(Tick::NEVER < now && now < Tick::LAST);
        assert_eq!((Tick::LAST.0 as f64) as i64, Tick::LAST.0);
        assert_eq!(
            Tick(5_000_000).earlier(Duration::from_secs(2)),
            Tick(3_000_000)
        );
    }
}
