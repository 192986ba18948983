//! Counters of limited actions, and the headers that say how much is left.
//!
//! An operation of an account takes [`crate::request::auth::Limited`] with one of the marks below
//! as its caller: session and limit are one round trip. An operation without a session counts by
//! the address of the client, or by the name that it asks for.

use std::{
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::fold;
use poem::{
    Request,
    http::{HeaderMap, HeaderName, HeaderValue},
};
use store::{Rate, RateVerdict};

use crate::{
    config::Config,
    rate_limit::Limit,
    request::{auth::Caller, client_address, upload::Upload},
    response::problem::Problem,
    state::State,
};

/// `RateLimit`, as in draft-ietf-httpapi-ratelimit-headers-10: `r` is how many are left, and `t`
/// the seconds until there are more.
const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// `RateLimit-Policy` of the same draft: `q` is the count, and `w` the period in seconds.
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// The most files of one account in a day, however small: a share of the day is whole microseconds.
const MOST_A_DAY: u32 = 1_000_000;

/// An action that an account may do only at some rate.
pub(crate) trait LimitedAction {
    /// The name of the action, in the headers and in Redis.
    const NAME: &'static str;
    /// Returns the limit as it is set.
    fn limit(config: &Config) -> Limit;
}

macro_rules! limited_actions {
    ($($(#[$note:meta])* $mark:ident $name:literal $setting:ident;)*) => {$(
        $(#[$note])*
        pub(crate) enum $mark {}

        impl LimitedAction for $mark {
            const NAME: &'static str = $name;
            fn limit(config: &Config) -> Limit {
                config.$setting
            }
        }
    )*};
}

limited_actions! {
    /// Guessing the password of the account by a session of it.
    Logins "login" limit_login;
    /// Sending messages.
    Sends "send" limit_send;
    /// Sending events of a product's own.
    Events "events" limit_events;
    /// Uploading attachments and avatars.
    Uploads "upload" limit_upload;
    /// Opening chats.
    Chats "chats" limit_chats;
    /// Making invitations, looking at one, and joining by one.
    Invites "invites" limit_invites;
    /// Searching messages.
    Searches "search" limit_search;
}

/// Counts `what` once more for the address of the client.
///
/// # Errors
/// 429 when the limit is used up.
pub(crate) async fn by_address(
    request: &Request,
    what: &'static str,
    limit: Limit,
) -> Result<(), Problem> {
    by(
        request,
        what,
        &client_address::of(request, &State::of(request).config.trusted_proxies),
        limit,
    )
    .await
}

/// Counts a login with a name: against the limit of the name, or, where somebody has logged in with
/// it before, against that of the place. So whoever guesses elsewhere does not lock them out.
///
/// # Errors
/// 429 when the limit is used up.
pub(crate) async fn by_login(
    request: &Request,
    name: &str,
    places: &[String],
) -> Result<(), Problem> {
    let state = State::of(request);
    let limit = state.config.limit_login;
    if limit.rate().is_none() {
        return Ok(());
    }
    let name = fold(name);
    let who = match state.store.known_origin(&name, places).await? {
        Some(place) => format!("{name}@{place}"),
        None => name,
    };
    by(request, "login", &who, limit).await
}

/// Counts `what` once more for `who`.
///
/// # Errors
/// 429 when the limit is used up.
pub(crate) async fn by(
    request: &Request,
    what: &'static str,
    who: &str,
    limit: Limit,
) -> Result<(), Problem> {
    let Some(rate) = limit.rate() else {
        return Ok(());
    };
    record(
        request,
        what,
        rate,
        State::of(request).store.limit(what, who, rate).await?,
    )
}

/// Counts the bytes of an upload of an account, before they come; `most` when nobody knows how many
/// there are.
///
/// # Errors
/// 429 when the account has uploaded as much as it may in a day.
pub(crate) async fn by_bytes(caller: &Caller, file: &Upload, most: u64) -> Result<(), Problem> {
    let all = caller.state.config.max_upload_a_day;
    if all == 0 {
        return Ok(());
    }
    // What may come so often in a day takes this share of it.
    let size = file.size().unwrap_or(most).clamp(1, all);
    let rate = Rate {
        most: u32::try_from(all / size)
            .unwrap_or(u32::MAX)
            .min(MOST_A_DAY),
        period: Duration::from_secs(24 * 3600),
    };
    let who = caller.user().to_string();
    let verdict = caller.state.store.limit("bytes", &who, rate).await?;
    match verdict.filter(|verdict| !verdict.is_allowed()) {
        None => Ok(()),
        Some(verdict) => Err(Problem::rate_limited(
            format!(
                "You may upload {all} bytes in a day. Try again in {} s.",
                verdict.seconds
            ),
            verdict.seconds,
        )),
    }
}

/// Records the verdict for the headers of the answer, and checks it.
///
/// # Errors
/// 429 when the limit is used up.
pub(crate) fn record(
    request: &Request,
    what: &'static str,
    rate: Rate,
    verdict: Option<RateVerdict>,
) -> Result<(), Problem> {
    let Some(verdict) = verdict else {
        return Ok(());
    };
    let limits = request
        .data::<CountedLimits>()
        .expect("the request middleware has put it there");
    limits
        .0
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Count {
            what,
            rate,
            verdict,
        });
    check(what, rate, verdict)
}

/// Checks a verdict.
///
/// # Errors
/// 429 when the limit is used up.
pub(crate) fn check(what: &str, rate: Rate, verdict: RateVerdict) -> Result<(), Problem> {
    if verdict.is_allowed() {
        return Ok(());
    }
    let (most, period) = (rate.most, humantime::format_duration(rate.period));
    let detail = format!(
        "The limit {what:?} is {most} in {period}. Try again in {} s.",
        verdict.seconds
    );
    Err(Problem::rate_limited(detail, verdict.seconds))
}

/// The limits that were counted for a request, for the headers of its answer. The list travels with
/// the request, since an answer is made in many places.
#[derive(Clone, Default)]
pub(crate) struct CountedLimits(Arc<Mutex<Vec<Count>>>);

/// A limit that was counted.
struct Count {
    what: &'static str,
    rate: Rate,
    verdict: RateVerdict,
}

impl CountedLimits {
    /// Writes the headers, one entry for each limit.
    pub(crate) fn write(&self, headers: &mut HeaderMap) {
        let counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if counted.is_empty() {
            return;
        }
        let (mut now, mut policy) = (String::new(), String::new());
        for (
            at,
            Count {
                what,
                rate,
                verdict,
            },
        ) in counted.iter().enumerate()
        {
            let comma = if at > 0 { ", " } else { "" };
            let seconds = rate.period.as_millis().div_ceil(1000);
            write!(
                now,
                r#"{comma}"{what}";r={};t={}"#,
                verdict.left, verdict.seconds
            )
            .expect("a string takes all that is written to it");
            write!(policy, r#"{comma}"{what}";q={};w={seconds}"#, rate.most)
                .expect("a string takes all that is written to it");
        }
        for (name, value) in [(RATE_LIMIT, now), (RATE_LIMIT_POLICY, policy)] {
            headers.insert(
                name,
                HeaderValue::from_str(&value).expect("names and numbers are ASCII"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_are_lists_with_an_entry_for_each_limit() {
        let limits = CountedLimits::default();
        let mut headers = HeaderMap::new();
        limits.write(&mut headers);
        assert!(headers.is_empty(), "no limit, no headers");

        let rate = |most, ms| Rate {
            most,
            period: Duration::from_millis(ms),
        };
        let verdict = |left, seconds| RateVerdict {
            granted: u32::from(left > 0),
            left,
            seconds,
        };
        let name = Count {
            what: "login",
            rate: rate(10, 60_000),
            verdict: verdict(9, 6),
        };
        let address = Count {
            what: "login-address",
            rate: rate(100, 1_500),
            verdict: verdict(0, 1),
        };
        limits.0.lock().expect("alone").extend([name, address]);
        limits.write(&mut headers);
        assert_eq!(
            headers["ratelimit"],
            r#""login";r=9;t=6, "login-address";r=0;t=1"#
        );
        assert_eq!(
            headers["ratelimit-policy"],
            r#""login";q=10;w=60, "login-address";q=100;w=2"#
        );
    }
}
