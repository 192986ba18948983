//! The tick: time order, identity and revision in one number.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::{DateTime, SecondsFormat, Utc};
use poem_openapi::NewType;
use serde::{Deserialize, Serialize};

/// A tick of a chat's or a user's clock: microseconds since 1970, unique and strictly rising in its chat.
///
/// Always below 2^53, so it is exact in JavaScript and in a Lua number. Zero stands for "never".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, NewType)]
#[oai(example = false)]
#[serde(transparent)]
pub struct Tick(pub i64);

impl Tick {
    /// "Never": before every tick there is.
    pub const NEVER: Self = Self(0);
    /// After every tick there is.
    pub const LAST: Self = Self(1 << 53);

    /// What this machine's own clock says.
    pub fn now() -> Self {
        Self(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros() as i64))
    }

    /// The tick that much earlier.
    pub fn earlier(self, by: Duration) -> Self {
        Self(self.0 - by.as_micros() as i64)
    }

    /// RFC 3339 in UTC with milliseconds, as in `2026-11-20T21:30:00.123Z`; cut, not rounded.
    pub fn rfc3339(self) -> String {
        DateTime::<Utc>::from_timestamp_micros(self.0).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
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
