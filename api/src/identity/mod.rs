//! The identity provider of a product, whose tokens (JWTs) stand where a session's token does. Uses
//! `config` and `rate_limit` alone.
//!
//! Only a token whose session is not known comes here. What is cheap to refuse is refused first,
//! and the signature is verified last, off the async threads; failures count against the limit of
//! the address, beyond which nothing is verified.

/// The keys at a URL.
mod fetch;
/// Public keys, and what each may verify.
mod keys;
/// The rules of what a token must say.
mod rules;
/// A token, read and checked.
mod token;

use std::{
    collections::HashMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use fair::{Refused, Turns};
use model::Tick;
use store::MAX_LEEWAY;
use tokio::{task::JoinHandle, time::Instant};

use crate::{
    config::Config,
    identity::{
        fetch::FetchedKeys,
        keys::{BadKeys, KeySet, PublicKey},
        rules::Rules,
        token::KeyHint,
    },
};

pub(crate) use token::{Claims, Jwt};

/// The most addresses that are remembered for their failures.
const MOST_REFUSED: usize = 10_000;

/// The identity provider.
#[derive(Debug)]
pub(crate) struct Provider {
    rules: Rules,
    keys: Keys,
    turns: Turns,
    /// The addresses that have used up their failures, each with when it may fail again.
    refused: Mutex<HashMap<String, Instant>>,
    /// The tokens that are being verified, by their hashes: each by one request at a time.
    flights: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

#[derive(Debug)]
enum Keys {
    Read(KeySet),
    Fetched(Arc<FetchedKeys>),
}

/// The reason for which a token is not accepted.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("{0} cannot be read")]
    Malformed(&'static str),
    #[error("it is not signed with RS256, ES256 or EdDSA")]
    Algorithm,
    #[error("its header has what this server refuses, as `crit`, `jku`, or another `typ`")]
    Header,
    #[error("it has no `{0}`")]
    Missing(&'static str),
    #[error("its `iss` is not that of CARRIER_JWT_ISSUER")]
    Issuer,
    #[error("its `aud` is not that of CARRIER_JWT_AUDIENCE")]
    Audience,
    #[error("it has expired")]
    Expired,
    #[error("its time has not come yet: the clocks differ by too much")]
    Early,
    #[error("it lives for longer than a day")]
    Life,
    #[error("the claim that names its user is missing, or no external id")]
    Subject,
    #[error("the identity provider has no such key")]
    Key,
    #[error("its signature is wrong")]
    Signature,
    #[error("the keys of the identity provider cannot be fetched now")]
    Unavailable,
    #[error("too many tokens are being verified")]
    Busy,
}

/// A setting of the identity provider that cannot be: the reason in one line.
#[derive(Debug, thiserror::Error)]
pub enum BadProvider {
    /// Both a URL and a file are set.
    #[error("CARRIER_JWKS_URL and CARRIER_JWT_KEY_FILE are both set; set one of them")]
    Both,
    /// The issuer is not set.
    #[error("CARRIER_JWT_ISSUER is not set; it is the `iss` of the tokens of your provider")]
    NoIssuer,
    /// No keys are set for the issuer.
    #[error("CARRIER_JWT_ISSUER is set, but neither CARRIER_JWKS_URL nor CARRIER_JWT_KEY_FILE is")]
    NoKeys,
    /// The URL cannot be fetched safely.
    #[error("CARRIER_JWKS_URL {0}")]
    Url(String),
    /// The file cannot be read.
    #[error("CARRIER_JWT_KEY_FILE {0}: {1}")]
    File(PathBuf, io::Error),
    /// The file has no keys.
    #[error("CARRIER_JWT_KEY_FILE {0} cannot be used: {1}")]
    Keys(PathBuf, String),
    /// Clocks may not differ by so much.
    #[error("CARRIER_JWT_LEEWAY is more than five minutes")]
    Leeway,
}

impl Provider {
    /// Returns the provider of the settings; `None` when there is none. The file with the keys is
    /// read here, once.
    ///
    /// # Errors
    /// [`BadProvider`] when the settings do not fit each other.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, BadProvider> {
        let set = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let file = config.jwt_key_file.clone();
        let file = file.filter(|path| !path.as_os_str().is_empty());
        let (url, issuer) = (set(&config.jwks_url), set(&config.jwt_issuer));
        let keys = match (url, file) {
            (None, None) if issuer.is_some() => return Err(BadProvider::NoKeys),
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => return Err(BadProvider::Both),
            (Some(url), None) => {
                let url = fetch::parse_url(&url).map_err(BadProvider::Url)?;
                Keys::Fetched(FetchedKeys::new(url))
            }
            (None, Some(path)) => Keys::Read(read(path)?),
        };
        if config.jwt_leeway > MAX_LEEWAY {
            return Err(BadProvider::Leeway);
        }
        Ok(Some(Self {
            rules: Rules {
                issuer: issuer.ok_or(BadProvider::NoIssuer)?,
                audience: set(&config.jwt_audience),
                subject: config.jwt_subject.clone(),
                display_name: config.jwt_display_name.clone(),
                leeway: config.jwt_leeway,
            },
            keys,
            turns: Turns::default(),
            refused: Mutex::default(),
            flights: Mutex::default(),
        }))
    }

    /// Begins to fetch the keys, if they are at a URL.
    pub(crate) fn start(&self) -> Option<JoinHandle<()>> {
        match &self.keys {
            Keys::Read(_) => None,
            Keys::Fetched(keys) => Some(tokio::spawn(Arc::clone(keys).keep_fresh())),
        }
    }

    /// Reads a text; `None` when it has not the shape of a token.
    pub(crate) fn read(&self, text: &str) -> Option<Jwt> {
        Jwt::read(text, &self.rules.subject)
    }

    /// Returns the name of the sessions that tokens open.
    pub(crate) fn device(&self) -> &str {
        self.rules.device()
    }

    /// Verifies a token, when it is the turn of the address that sent it.
    ///
    /// # Errors
    /// [`Refusal`] when it is not accepted.
    pub(crate) async fn verify(&self, token: &Jwt, address: &str) -> Result<Claims, Refusal> {
        let hint = token.key()?;
        let claims = token.claims(&self.rules, Tick::now())?;
        let keys = self.find(&hint).await?;
        let (message, signature) = token.signed()?;
        let verify = move || keys.iter().any(|key| key.verifies(&message, &signature));
        match self.turns.run(address, verify).await {
            Ok(true) => Ok(claims),
            Ok(false) => Err(Refusal::Signature),
            Err(Refused::Busy | Refused::Panicked | Refused::Stopped) => Err(Refusal::Busy),
        }
    }

    async fn find(&self, hint: &KeyHint) -> Result<Vec<PublicKey>, Refusal> {
        match &self.keys {
            Keys::Read(keys) => Some(keys.find(hint))
                .filter(|found| !found.is_empty())
                .ok_or(Refusal::Key),
            Keys::Fetched(keys) => keys.find(hint).await,
        }
    }

    /// Waits until no other request has the token with this hash verified; then none has until the
    /// guard is dropped.
    pub(crate) async fn alone_with(&self, hash: &str) -> tokio::sync::OwnedMutexGuard<()> {
        let flight = {
            let mut flights = lock(&self.flights);
            let flight = flights.get(hash).and_then(Weak::upgrade);
            flight.unwrap_or_else(|| {
                flights.retain(|_, flight| flight.strong_count() > 0);
                let flight = Arc::default();
                flights.insert(hash.to_owned(), Arc::downgrade(&flight));
                flight
            })
        };
        flight.lock_owned().await
    }

    /// Returns the time after which an address may fail again; `None`: at once.
    pub(crate) fn refused_for(&self, address: &str) -> Option<Duration> {
        let until = lock(&self.refused).get(address).copied()?;
        let left = until.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }

    /// Has nothing verified for an address for some time.
    pub(crate) fn refuse_for(&self, address: &str, time: Duration) {
        let now = Instant::now();
        let mut refused = lock(&self.refused);
        if refused.len() >= MOST_REFUSED {
            refused.retain(|_, until| *until > now);
        }
        if refused.len() < MOST_REFUSED {
            refused.insert(address.to_owned(), now + time);
        }
    }
}

fn read(path: PathBuf) -> Result<KeySet, BadProvider> {
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) => return Err(BadProvider::File(path, error)),
    };
    let keys = KeySet::parse(&text);
    keys.map_err(|error: BadKeys| BadProvider::Keys(path, error.to_string()))
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(change: impl Fn(&mut Config)) -> String {
        let mut config = Config {
            jwks_url: Some("https://id.example.org/jwks".into()),
            jwt_issuer: Some("https://id.example.org".into()),
            ..Config::default()
        };
        change(&mut config);
        match Provider::new(&config) {
            Ok(provider) => format!("{}", provider.is_some()),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn settings_that_do_not_fit_each_other_are_refused_in_one_line() {
        assert_eq!(refusal(|_| ()), "true");
        assert_eq!(
            refusal(|config| (config.jwks_url, config.jwt_issuer) = (None, None)),
            "false"
        );
        let empty = |config: &mut Config| {
            config.jwks_url = Some(String::new());
            config.jwt_issuer = Some(String::new());
        };
        assert_eq!(refusal(empty), "false", "empty is not set");
        type Change = fn(&mut Config);
        let table: [(Change, &str); 7] = [
            (
                |config| config.jwt_issuer = None,
                "CARRIER_JWT_ISSUER is not set",
            ),
            (|config| config.jwks_url = None, "neither CARRIER_JWKS_URL"),
            (
                |config| config.jwt_key_file = Some("x".into()),
                "set one of them",
            ),
            (
                |config| config.jwks_url = Some("http://id.example.org".into()),
                "https://",
            ),
            (
                |config| config.jwt_leeway = Duration::from_secs(301),
                "five minutes",
            ),
            (
                |config| (config.jwks_url, config.jwt_key_file) = (None, Some("/no/such".into())),
                "No such file",
            ),
            (
                |config| (config.jwks_url, config.jwt_key_file) = (None, Some("Cargo.toml".into())),
                "neither a JWKS nor a public key",
            ),
        ];
        for (change, says) in table {
            let said = refusal(change);
            assert!(said.contains(says) && !said.contains('\n'), "{said}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_failed_too_often_waits() {
        let config = Config {
            jwks_url: Some("https://id.example.org/jwks".into()),
            jwt_issuer: Some("x".into()),
            ..Config::default()
        };
        let provider = Provider::new(&config).expect("settings").expect("one");
        assert_eq!(provider.refused_for("a"), None);
        provider.refuse_for("a", Duration::from_secs(6));
        assert_eq!(provider.refused_for("a"), Some(Duration::from_secs(6)));
        assert_eq!(provider.refused_for("b"), None);
        tokio::time::advance(Duration::from_secs(6)).await;
        assert_eq!(provider.refused_for("a"), None);
    }

    #[tokio::test]
    async fn a_token_is_verified_by_one_request_at_a_time() {
        let config = Config {
            jwks_url: Some("https://id.example.org/jwks".into()),
            jwt_issuer: Some("x".into()),
            ..Config::default()
        };
        let provider = Provider::new(&config).expect("settings").expect("one");
        let first = provider.alone_with("a").await;
        let _other = provider.alone_with("b").await;
        let second = provider.alone_with("a");
        tokio::pin!(second);
        let is_waiting = futures_util::poll!(second.as_mut()).is_pending();
        assert!(is_waiting);
        drop(first);
        drop(second.await);
        drop(provider.alone_with("c").await);
        assert_eq!(
            lock(&provider.flights).len(),
            2,
            "what is over is forgotten"
        );
    }
}
