//! The browser that somebody has logged in with before, by a cookie that outlives the session: it
//! gives no access, only a limit of its own on logins.

use std::time::Duration;

use poem::Request;
use uuid::Uuid;

use crate::{
    response::cookie::{DEVICE_COOKIE, device_cookie},
    state::State,
};

/// The life of the cookie: browsers keep none for longer than 400 days.
const LIFE: Duration = Duration::from_secs(400 * 24 * 3600);

/// A browser, new or known.
pub(crate) struct Device(Uuid);

impl Device {
    /// Returns the device that a request names, or else a new one.
    pub(crate) fn of(request: &Request) -> Self {
        let cookie = request.cookie().get(DEVICE_COOKIE);
        let named = cookie.and_then(|cookie| cookie.value_str().parse().ok());
        Self(named.unwrap_or_else(Uuid::now_v7))
    }

    /// Returns the places where a login comes from, the surest first: the device, and the address.
    pub(crate) fn places(&self, address: &str) -> [String; 2] {
        [self.0.to_string(), address.to_owned()]
    }

    /// Returns the value of `Set-Cookie` that lets the device be known again.
    pub(crate) fn cookie(&self, state: &State) -> String {
        device_cookie(state, &self.0.to_string(), LIFE)
    }
}
