//! The cookie that holds the session of our own page.

use std::time::Duration;

use poem::{
    IntoResponse, Response,
    http::{HeaderValue, header},
};
use poem_openapi::{
    ApiResponse,
    registry::{MetaResponses, Registry},
};

use crate::state::State;

/// The name of the cookie that register and login set.
pub(crate) const COOKIE: &str = "carrier_session";

/// Returns the value of `Set-Cookie`: no script reads the cookie, and no other site sends it.
/// Without a token, the cookie is cleared.
pub(crate) fn cookie(state: &State, token: Option<&str>) -> String {
    write(state.config.cookie_secure, state.store.session_ttl(), token)
}

/// The name of the cookie by which a browser is known again at a login.
pub(crate) const DEVICE_COOKIE: &str = "carrier_device";

/// Returns the value of `Set-Cookie` for the cookie of a device, which only logins get to see.
pub(crate) fn device_cookie(state: &State, device: &str, life: Duration) -> String {
    let named = (DEVICE_COOKIE, "/v1/auth");
    write_named(named, state.config.cookie_secure, life, Some(device))
}

/// An answer that sets the cookie of a device too.
pub(crate) struct WithDevice<T>(pub(crate) T, pub(crate) String);

impl<T: IntoResponse> IntoResponse for WithDevice<T> {
    fn into_response(self) -> Response {
        let mut response = self.0.into_response();
        let cookie = HeaderValue::from_str(&self.1).expect("a cookie is visible ASCII");
        response.headers_mut().append(header::SET_COOKIE, cookie);
        response
    }
}

impl<T: ApiResponse> ApiResponse for WithDevice<T> {
    fn meta() -> MetaResponses {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }
}

/// Writes the cookie of a session.
fn write(is_secure: bool, life: Duration, token: Option<&str>) -> String {
    write_named((COOKIE, "/"), is_secure, life, token)
}

/// Writes the cookie of a name, for a path. A `Secure` one is kept and sent over TLS alone; but
/// browsers other than Safari take a server of their own machine for secure too.
fn write_named(
    (cookie, path): (&str, &str),
    is_secure: bool,
    life: Duration,
    token: Option<&str>,
) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    let age = token.map_or(0, |_| life.as_secs());
    format!(
        "{cookie}={}; Path={path}; Max-Age={age}; HttpOnly; SameSite=Strict{secure}",
        token.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_is_secure_as_it_is_set() {
        let cookie = |is_secure| write(is_secure, Duration::from_secs(60), Some("t"));
        let bare = "carrier_session=t; Path=/; Max-Age=60; HttpOnly; SameSite=Strict";
        assert_eq!(cookie(false), bare);
        assert_eq!(cookie(true), format!("{bare}; Secure"));
    }

    #[test]
    fn a_cookie_without_a_token_is_cleared() {
        let cleared = write(true, Duration::from_secs(60), None);
        assert!(cleared.starts_with("carrier_session=; Path=/; Max-Age=0;"));
    }
}
