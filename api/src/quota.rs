//! Counts what is limited, and tells in the answer's headers how much is left.
//!
//! An operation of an account takes [`crate::auth::Limited`] with one of the marks below as its caller: session and limit are one round trip. What comes
//! without a session counts itself by its address, or by the name it is after.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use poem::{
    Request,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use store::{Rate, Verdict};

use crate::{Config, Limit, address, auth::state, problem::Problem};

/// `RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10: `t` is when there will be more than `r`.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What an account may do only so often.
pub(crate) trait Quota {
    /// Its name, in the headers and in Redis.
    const NAME: &'static str;
    /// How often.
    fn limit(config: &Config) -> Limit;
}

macro_rules! quotas {
    ($($(#[$note:meta])* $mark:ident $name:literal $setting:ident;)*) => {$(
        $(#[$note])*
        pub(crate) enum $mark {}

        impl Quota for $mark {
            const NAME: &'static str = $name;
            fn limit(config: &Config) -> Limit {
                config.$setting
            }
        }
    )*};
}

quotas! {
    /// Messages.
    Sends "send" limit_send;
    /// Attachments and avatars.
    Uploads "upload" limit_upload;
    /// Searches.
    Searches "search" limit_search;
}

/// The address that asks does `what` once more.
pub(crate) async fn by_address(request: &Request, what: &'static str, limit: Limit) -> Result<(), Problem> {
    by(request, what, &address::of(request, &state(request).config.trusted_proxies), limit).await
}

/// `who` does `what` once more.
pub(crate) async fn by(request: &Request, what: &'static str, who: &str, limit: Limit) -> Result<(), Problem> {
    let Some(rate) = limit.rate() else { return Ok(()) };
    tell(request, what, rate, state(request).store.limit(what, who, rate).await?)
}

/// Writes down what the answer is to tell.
///
/// # Errors
/// 429 when it was once too often.
pub(crate) fn tell(request: &Request, what: &'static str, rate: Rate, verdict: Option<Verdict>) -> Result<(), Problem> {
    let Some(verdict) = verdict else { return Ok(()) };
    let told = request.data::<Told>().expect("the edge has put it there");
    told.0.lock().unwrap_or_else(PoisonError::into_inner).push(Count { what, rate, verdict });
    judge(what, rate, verdict)
}

/// May it be done?
///
/// # Errors
/// 429 when it was once too often.
pub(crate) fn judge(what: &str, rate: Rate, verdict: Verdict) -> Result<(), Problem> {
    if verdict.allowed {
        return Ok(());
    }
    let (most, period) = (rate.most, humantime::format_duration(rate.period));
    let detail = format!("The limit {what:?} is {most} in {period}. Try again in {} s.", verdict.seconds);
    Err(Problem::rate_limited(detail, verdict.seconds))
}

/// What the answer to a request is to tell of its limits. It travels with the request, since an answer is made in many places.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Vec<Count>>>);

struct Count {
    what: &'static str,
    rate: Rate,
    verdict: Verdict,
}

impl Told {
    /// Writes the headers.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if told.is_empty() {
            return;
        }
        let (mut now, mut policy) = (String::new(), String::new());
        for (at, Count { what, rate, verdict }) in told.iter().enumerate() {
            let comma = if at > 0 { ", " } else { "" };
            let seconds = rate.period.as_millis().div_ceil(1000);
            write!(now, r#"{comma}"{what}";r={};t={}"#, verdict.left, verdict.seconds).expect("a string takes all that is written to it");
            write!(policy, r#"{comma}"{what}";q={};w={seconds}"#, rate.most).expect("a string takes all that is written to it");
        }
        for (name, value) in [(RATE_LIMIT, now), (RATE_LIMIT_POLICY, policy)] {
            headers.insert(name, HeaderValue::from_str(&value).expect("names and numbers are ASCII"));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_headers_are_lists_with_an_entry_for_each_limit() {
        let told = Told::default();
        let mut headers = HeaderMap::new();
        told.write(&mut headers);
        assert!(headers.is_empty(), "no limit, no headers");

        let rate = |most, ms| Rate { most, period: Duration::from_millis(ms) };
        let verdict = |left, seconds| Verdict { allowed: left > 0, left, seconds };
        let name = Count { what: "login", rate: rate(10, 60_000), verdict: verdict(9, 6) };
        let address = Count { what: "login-address", rate: rate(100, 1_500), verdict: verdict(0, 1) };
        told.0.lock().expect("alone").extend([name, address]);
        told.write(&mut headers);
        assert_eq!(headers["ratelimit"], r#""login";r=9;t=6, "login-address";r=0;t=1"#);
        assert_eq!(headers["ratelimit-policy"], r#""login";q=10;w=60, "login-address";q=100;w=2"#);
    }
}
