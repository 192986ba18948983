//! The operator's hook: an HTTP receiver that judges each text before it is stored.
//!
//! A question is one signed POST (Standard Webhooks), and its answer is bounded in time and bytes.
//! The operator decides about a text without a verdict: the server stores it as it is, or refuses
//! it. A question is asked once.

/// The answers of a receiver.
mod answer;
/// Lines in the log about a hook that does not answer as it should.
mod complaints;

use std::{
    borrow::Cow,
    io,
    time::{Duration, SystemTime},
};

use model::{Attachment, ChatId, ChatKind, Metadata, Tick, UserId};
use reqwest::{Client, StatusCode, Url, header, redirect::Policy};
use serde::Serialize;
use tokio::{sync::Semaphore, time::timeout};
use uuid::Uuid;

pub(crate) use answer::Verdict;
use complaints::Complaints;
use webhook::Signer;

use crate::config::{Config, HookFails};

/// The most questions that are under way at once. Others wait for their turn, within their time.
const AT_ONCE: usize = 256;
/// The connections that are kept open for later questions.
const IDLE: usize = 64;
/// The time for which one is kept: less than the five seconds after which Node.js closes it.
const IDLE_FOR: Duration = Duration::from_secs(4);
/// The most bytes of an answer: 10,000 characters of up to 12 bytes each as JSON escapes them, with
/// room for the rest.
const MAX_ANSWER: usize = 128 * 1024;
/// The longest time that an operator may give the hook: whoever sends waits as long.
const MAX_TIMEOUT: Duration = Duration::from_secs(10);

/// The hook of this API.
pub(crate) struct Hook {
    client: Client,
    url: Url,
    signer: Signer,
    timeout: Duration,
    fails: HookFails,
    under_way: Semaphore,
    complaints: Complaints,
}

/// The purpose of a text.
#[derive(Clone, Copy, Serialize)]
pub(crate) enum Event {
    /// A new message.
    #[serde(rename = "message.before_create")]
    Create,
    /// A change of a message.
    #[serde(rename = "message.before_update")]
    Update,
}

/// A question to the hook, as it is sent.
#[derive(Serialize)]
pub(crate) struct Question<'a> {
    pub(crate) event: Event,
    pub(crate) chat: Place,
    pub(crate) sender: Sender<'a>,
    pub(crate) message: Proposal<'a>,
}

/// The chat of a text.
#[derive(Serialize)]
pub(crate) struct Place {
    pub(crate) id: ChatId,
    pub(crate) kind: ChatKind,
}

/// The author of a text.
#[derive(Serialize)]
pub(crate) struct Sender<'a> {
    pub(crate) id: UserId,
    pub(crate) username: &'a str,
    /// The user's id in the product that Carrier is a part of.
    pub(crate) external_id: Option<&'a str>,
}

/// A message as it would be stored.
#[derive(Serialize)]
pub(crate) struct Proposal<'a> {
    /// The message's id; a new one has none yet.
    pub(crate) id: Option<Tick>,
    pub(crate) body: &'a str,
    pub(crate) subject: Option<&'a str>,
    pub(crate) reply_to: Option<Tick>,
    pub(crate) client_id: Option<&'a str>,
    pub(crate) mentions: &'a [UserId],
    pub(crate) mentions_all: bool,
    pub(crate) attachments: &'a [Attachment],
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub(crate) custom_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<Cow<'a, Metadata>>,
}

/// The hook gave no verdict, and nothing is stored without one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoVerdict;

/// The reason why an answer is none. None of them quotes the answer: the log has no texts.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("it did not answer within {0:?}")]
    TooSlow(Duration),
    #[error("it cannot be reached: {0}")]
    Unreachable(String),
    #[error("it answered with the status {0}, neither 204 nor 200")]
    Status(u16),
    #[error("its answer has more than {MAX_ANSWER} bytes")]
    TooLarge,
    #[error("its answer is no JSON object with an `action` that there is, and what this needs")]
    Malformed,
    #[error("the body that it has given the message is none that a message may have")]
    NoBody,
}

impl Hook {
    /// Returns the hook as it is set; `None` when there is none.
    ///
    /// # Errors
    /// A sentence that names the setting which is wrong, and does not quote it.
    pub(crate) fn open(config: &Config) -> io::Result<Option<Self>> {
        let Some(url) = config.hook_url.as_deref().filter(|url| !url.is_empty()) else {
            return Ok(None);
        };
        let wrong = |why: &str| io::Error::new(io::ErrorKind::InvalidInput, why);
        let is_good = |url: &Url| {
            matches!(url.scheme(), "http" | "https")
                && url.has_host()
                && url.username().is_empty()
                && url.password().is_none()
        };
        let url = Url::parse(url).ok().filter(is_good).ok_or_else(|| {
            wrong(
                "CARRIER_HOOK_URL must be an address as http://127.0.0.1:9000/judge or \
                 https://hook.example.org/, without a user or a password",
            )
        })?;
        let secret = config.hook_secret.as_ref();
        let signer = secret.and_then(|secret| Signer::new(secret.reveal()));
        let signer = signer.ok_or_else(|| {
            wrong(
                "CARRIER_HOOK_URL needs a CARRIER_HOOK_SECRET: 24 to 64 random bytes in base64, \
                 with whsec_ before them or without, as `openssl rand -base64 32` makes them",
            )
        })?;
        if !(Duration::from_millis(1)..=MAX_TIMEOUT).contains(&config.hook_timeout) {
            return Err(wrong("CARRIER_HOOK_TIMEOUT must be 1ms to 10s"));
        }
        files::install_tls();
        let client = Client::builder()
            .user_agent(concat!("carrier/", env!("CARGO_PKG_VERSION")))
            // Texts go where the operator has said, and nowhere else.
            .redirect(Policy::none())
            .no_proxy()
            .tcp_nodelay(true)
            .connect_timeout(config.hook_timeout)
            .pool_max_idle_per_host(IDLE)
            .pool_idle_timeout(IDLE_FOR)
            .build()
            .map_err(|error| {
                let reason = innermost(&error);
                io::Error::other(format!(
                    "the client of CARRIER_HOOK_URL cannot be made: {reason}"
                ))
            })?;
        Ok(Some(Self {
            client,
            url,
            signer,
            timeout: config.hook_timeout,
            fails: config.hook_fails,
            under_way: Semaphore::new(AT_ONCE),
            complaints: Complaints::default(),
        }))
    }

    /// Has a text judged. `may_be` tells whether a message may have another body.
    ///
    /// # Errors
    /// [`NoVerdict`] when there is no answer, or none that counts, and the hook fails closed.
    pub(crate) async fn judge(
        &self,
        question: &Question<'_>,
        may_be: impl Fn(&str) -> bool,
    ) -> Result<Verdict, NoVerdict> {
        let json = serde_json::to_string(question).expect("texts, numbers and ids");
        let asked = timeout(self.timeout, self.ask(json)).await;
        let answer = match asked.unwrap_or(Err(Failure::TooSlow(self.timeout))) {
            Ok(Verdict::Change { body }) if !may_be(&body) => Err(Failure::NoBody),
            answer => answer,
        };
        match answer {
            Ok(verdict) => Ok(verdict),
            Err(failure) => {
                self.complaints.tell(&failure, self.fails);
                match self.fails {
                    HookFails::Open => Ok(Verdict::Allow),
                    HookFails::Closed => Err(NoVerdict),
                }
            }
        }
    }

    async fn ask(&self, json: String) -> Result<Verdict, Failure> {
        let _turn = self.under_way.acquire().await.expect("it is never closed");
        let id = format!("msg_{}", Uuid::now_v7().simple());
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let seconds = since_epoch.unwrap_or_default().as_secs();
        let signature = self.signer.sign(&id, seconds, &json);
        let request = self
            .client
            .post(self.url.clone())
            .header(header::CONTENT_TYPE, "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", seconds)
            .header("webhook-signature", signature)
            .body(json);
        let mut response = request.send().await.map_err(unreachable)?;
        match response.status() {
            StatusCode::NO_CONTENT => return Ok(Verdict::Allow),
            StatusCode::OK => {}
            other => return Err(Failure::Status(other.as_u16())),
        }
        let mut bytes = Vec::new();
        while let Some(some) = response.chunk().await.map_err(unreachable)? {
            if bytes.len() + some.len() > MAX_ANSWER {
                return Err(Failure::TooLarge);
            }
            bytes.extend_from_slice(&some);
        }
        Verdict::read(&bytes).ok_or(Failure::Malformed)
    }
}

fn unreachable(error: reqwest::Error) -> Failure {
    Failure::Unreachable(innermost(&error.without_url()))
}

/// Returns the innermost reason of an error.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut reason = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secret;

    const SECRET: &str = "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIz";

    fn config(url: &str, secret: Option<&str>) -> Config {
        Config {
            hook_url: Some(url.to_owned()),
            hook_secret: secret.map(|secret| Secret::from(secret.to_owned())),
            ..Config::default()
        }
    }

    fn refusal(config: &Config) -> String {
        let opened = Hook::open(config);
        opened.err().expect("it is refused").to_string()
    }

    #[test]
    fn there_is_no_hook_without_its_address() {
        assert!(matches!(Hook::open(&Config::default()), Ok(None)));
        assert!(matches!(Hook::open(&config("", None)), Ok(None)));
        for url in ["http://hook:9000/judge?of=1", "https://hook.example.org"] {
            let opened = Hook::open(&config(url, Some(SECRET)));
            assert!(opened.expect("it is good").is_some(), "{url}");
        }
    }

    #[test]
    fn a_setting_that_is_wrong_is_named_in_one_line_and_not_quoted() {
        for url in [
            "judge",
            "ftp://hook/",
            "http://ann:tugboat@hook/",
            "http://",
        ] {
            let why = refusal(&config(url, Some(SECRET)));
            assert!(why.starts_with("CARRIER_HOOK_URL must be"), "{why}");
            assert!(!why.contains("tugboat") && !why.contains('\n'), "{why}");
        }
        for secret in [None, Some(""), Some("tugboat"), Some("whsec_AAAA")] {
            let why = refusal(&config("http://hook/", secret));
            assert!(why.contains("CARRIER_HOOK_SECRET"), "{why}");
            assert!(!why.contains("tugboat") && !why.contains('\n'), "{why}");
        }
        for timeout in [Duration::ZERO, MAX_TIMEOUT + Duration::from_millis(1)] {
            let mut config = config("http://hook/", Some(SECRET));
            config.hook_timeout = timeout;
            assert!(refusal(&config).starts_with("CARRIER_HOOK_TIMEOUT"));
        }
        let shown = format!("{:?}", config("http://hook/", Some(SECRET)));
        assert!(!shown.contains(SECRET), "{shown}");
    }
}
