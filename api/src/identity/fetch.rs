//! The keys at a URL: fetched in the background, and again when a token names one that is not
//! known. What was fetched is kept until the provider answers with something else, however long it
//! is away.

use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};
use url::{Host, Url};

use crate::identity::{
    Refusal,
    keys::{BadKeys, KeySet, PublicKey},
    token::KeyHint,
};

/// The time between two fetches, so that a key that was taken back is not good for much longer.
const EVERY: Duration = Duration::from_secs(300);
/// The least time between two fetches, whatever tokens name.
const PAUSE: Duration = Duration::from_secs(5);
/// The time that the provider has for its answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// The most bytes of an answer.
const MAX_BYTES: usize = 256 << 10;

/// The keys at a URL.
#[derive(Debug)]
pub(crate) struct FetchedKeys {
    url: Url,
    client: reqwest::Client,
    /// The newest keys; none before the first fetch that succeeded.
    keys: RwLock<Arc<KeySet>>,
    /// The newest fetch: when it was begun, and whether it succeeded. Held while one is under way.
    last: Mutex<Option<(Instant, bool)>>,
    /// The number of fetches that were begun.
    begun: AtomicU64,
}

/// The reason for which a fetch failed.
#[derive(Debug, thiserror::Error)]
enum BadFetch {
    #[error("{0}")]
    Http(#[from] reqwest::Error),
    #[error("it answers with {0}")]
    Status(u16),
    #[error("its answer has more than {MAX_BYTES} bytes")]
    TooLong,
    #[error("its answer is of no use: {0}")]
    Keys(#[from] BadKeys),
}

/// Reads the URL of the keys.
///
/// # Errors
/// A sentence when anybody between here and there could change them.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    let url: Url = text
        .parse()
        .map_err(|error| format!("is no URL: {error}"))?;
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_loopback) {
        return Err("must begin with https:// (http:// is for this machine alone)".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not have a password".to_owned());
    }
    Ok(url)
}

impl FetchedKeys {
    /// Returns the keys at a URL, of which none is known yet.
    pub(crate) fn new(url: Url) -> Arc<Self> {
        files::install_tls();
        let client = reqwest::Client::builder()
            .timeout(PATIENCE)
            .redirect(reqwest::redirect::Policy::none())
            .user_agent("carrier");
        Arc::new(Self {
            url,
            client: client.build().expect("there is a provider of TLS"),
            keys: RwLock::default(),
            last: Mutex::default(),
            begun: AtomicU64::default(),
        })
    }

    /// Fetches the keys again and again.
    pub(crate) async fn keep_fresh(self: Arc<Self>) {
        loop {
            self.fetch_anew().await;
            let is_there = self.known().len() > 0;
            tokio::time::sleep(if is_there { EVERY } else { PAUSE }).await;
        }
    }

    /// Returns the keys that a token may be signed with; one that is not known is asked for, so
    /// often as may be.
    ///
    /// # Errors
    /// [`Refusal::Key`] when the provider has just answered that there is none;
    /// [`Refusal::Unavailable`] when it could not be asked.
    pub(crate) async fn find(&self, hint: &KeyHint) -> Result<Vec<PublicKey>, Refusal> {
        let known = self.known();
        let found = known.find(hint);
        if !found.is_empty() {
            return Ok(found);
        }
        if known.has(hint) {
            return Err(Refusal::Key);
        }
        let is_newest = self.fetch_anew().await;
        match self.known().find(hint) {
            found if !found.is_empty() => Ok(found),
            _ if is_newest => Err(Refusal::Key),
            _ => Err(Refusal::Unavailable),
        }
    }

    fn known(&self) -> Arc<KeySet> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the keys, unless that was done a moment ago; returns true when the keys that are
    /// known then are newer than this call. One fetch is for all who wait for one.
    async fn fetch_anew(&self) -> bool {
        let begun = self.begun.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        if self.begun.load(Ordering::Acquire) != begun {
            return last.is_some_and(|(_, succeeded)| succeeded);
        }
        let now = Instant::now();
        if last.is_some_and(|(begun, _)| now < begun + PAUSE) {
            return false;
        }
        // Before it is done: whoever does not wait for it must not begin another.
        *last = Some((now, false));
        self.begun.fetch_add(1, Ordering::AcqRel);
        let fetched = self.fetch().await;
        let succeeded = fetched.is_ok();
        *last = Some((now, succeeded));
        match fetched {
            Ok(keys) => {
                tracing::debug!(
                    keys = keys.len(),
                    "fetched the keys of the identity provider"
                );
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
            }
            Err(error) => tracing::warn!(
                url = %self.url, known = self.known().len(), %error,
                "could not fetch the keys of the identity provider; those that are known stay good"
            ),
        }
        succeeded
    }

    async fn fetch(&self) -> Result<KeySet, BadFetch> {
        let request = self.client.get(self.url.clone());
        let request = request.header("accept", "application/jwk-set+json, application/json");
        let mut response = request.send().await.map_err(reqwest::Error::without_url)?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(BadFetch::Status(status));
        }
        let mut body = Vec::new();
        while let Some(bytes) = response.chunk().await? {
            if body.len() + bytes.len() > MAX_BYTES {
                return Err(BadFetch::TooLong);
            }
            body.extend_from_slice(&bytes);
        }
        let text = String::from_utf8(body).map_err(|_| BadKeys::Unreadable)?;
        Ok(KeySet::parse(&text)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for fine in [
            "https://id.example.org/.well-known/jwks.json",
            "http://127.0.0.1:8080/jwks",
            "http://[::1]/jwks",
            "http://localhost/jwks",
        ] {
            assert!(parse_url(fine).is_ok(), "{fine}");
        }
        for wrong in [
            "",
            "/jwks",
            "http://id.example.org/jwks",
            "http://127.0.0.1.example.org/jwks",
            "http://10.0.0.1/jwks",
            "ftp://localhost/jwks",
            "file:///etc/jwks",
            "https://ann:secret@id.example.org/jwks",
        ] {
            assert!(parse_url(wrong).is_err(), "{wrong}");
        }
    }
}
