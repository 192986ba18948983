//! Rate limits as they are set: `600/1m`, or `off`.

use std::{fmt, str::FromStr, time::Duration};

use store::Rate;

/// The longest period of a limit.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// A rate limit: a count that may be used at once, and again over a period; or no limit at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit(Option<Rate>);

impl Limit {
    /// No limit.
    pub const OFF: Self = Self(None);

    /// Returns the limit of a count in some seconds: at least 1, and at most 100,000 a second.
    pub(crate) const fn new(most: u32, seconds: u64) -> Self {
        Self(Some(Rate {
            most,
            period: Duration::from_secs(seconds),
        }))
    }

    /// Returns the rate to count by, or `None` without a limit.
    pub(crate) fn rate(self) -> Option<Rate> {
        self.0
    }

    /// Returns a limit that allows a multiple of this one.
    pub(crate) fn times(self, times: u32) -> Self {
        Self(self.0.map(|rate| Rate {
            most: rate.most.saturating_mul(times),
            ..rate
        }))
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rate) => write!(
                f,
                "{}/{}",
                rate.most,
                humantime::format_duration(rate.period)
            ),
            None => f.write_str("off"),
        }
    }
}

/// The reason why a text is not a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotALimit(&'static str);

impl fmt::Display for NotALimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}; give a count and a time, as in 600/1m, or off",
            self.0
        )
    }
}

impl std::error::Error for NotALimit {}

impl FromStr for Limit {
    type Err = NotALimit;

    fn from_str(text: &str) -> Result<Self, NotALimit> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("off") {
            return Ok(Self::OFF);
        }
        let (most, period) = text.split_once('/').ok_or(NotALimit("there is no `/`"))?;
        let most: u32 = most
            .trim()
            .parse()
            .map_err(|_| NotALimit("the count is no whole number"))?;
        let period = humantime::parse_duration(period.trim())
            .map_err(|_| NotALimit("the time is no duration"))?;
        if most == 0 {
            return Err(NotALimit("a count of 0 would refuse everything"));
        }
        if period > LONGEST {
            return Err(NotALimit("a year is the longest time"));
        }
        // Redis counts in whole microseconds, and an address may log in ten times as often as a
        // name.
        if period.as_micros() < u128::from(most) * 10 {
            return Err(NotALimit("more than 100,000 a second cannot be counted"));
        }
        Ok(Self(Some(Rate { most, period })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_a_count_and_a_time() {
        assert_eq!("600/1m".parse(), Ok(Limit::new(600, 60)));
        assert_eq!(" 20 / 1h ".parse(), Ok(Limit::new(20, 3600)));
        assert_eq!(
            "3/500ms"
                .parse::<Limit>()
                .map(|limit| limit.rate().map(|rate| rate.period)),
            Ok(Some(Duration::from_millis(500)))
        );
        assert_eq!("100000/1s".parse(), Ok(Limit::new(100_000, 1)));
        for off in ["off", "OFF", " off "] {
            assert_eq!(off.parse(), Ok(Limit::OFF));
        }
    }

    #[test]
    fn what_is_no_limit_is_told_why() {
        for (text, why) in [
            ("", "there is no `/`"),
            ("600", "there is no `/`"),
            ("no", "there is no `/`"),
            ("/1m", "the count is no whole number"),
            ("-1/1m", "the count is no whole number"),
            ("1.5/1m", "the count is no whole number"),
            ("99999999999/1m", "the count is no whole number"),
            ("5/", "the time is no duration"),
            ("5/60", "the time is no duration"),
            ("5/minute", "the time is no duration"),
            ("0/1m", "a count of 0 would refuse everything"),
            ("5/2y", "a year is the longest time"),
            ("5/0s", "more than 100,000 a second cannot be counted"),
            ("100001/1s", "more than 100,000 a second cannot be counted"),
        ] {
            assert_eq!(text.parse::<Limit>(), Err(NotALimit(why)), "{text:?}");
        }
        assert_eq!(
            NotALimit("x").to_string(),
            "x; give a count and a time, as in 600/1m, or off"
        );
    }

    #[test]
    fn a_limit_is_printed_as_it_is_set() {
        for text in ["600/1m", "20/1h", "3/500ms", "off"] {
            assert_eq!(
                text.parse::<Limit>().map(|limit| limit.to_string()),
                Ok(text.to_owned())
            );
        }
        assert_eq!(Limit::new(10, 60).times(10).to_string(), "100/1m");
        assert_eq!(Limit::OFF.times(10), Limit::OFF);
    }
}
