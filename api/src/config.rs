//! The settings of the API alone.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use ipnet::IpNet;

use crate::rate_limit::Limit;

/// The limit on logins: a guess every six seconds, and a burst for typing errors.
const LIMIT_LOGIN: Limit = Limit::new(10, 60);
/// The limit on registrations: about a class of pupils behind one address.
const LIMIT_REGISTER: Limit = Limit::new(20, 3600);
/// The limit on messages: ten a second, which is more than people type and less than a flood.
const LIMIT_SEND: Limit = Limit::new(600, 60);
/// The limit on events of a product's own: as many as messages.
const LIMIT_EVENTS: Limit = Limit::new(600, 60);
/// The limit on invitations: more than anybody follows, and few guesses.
const LIMIT_INVITES: Limit = Limit::new(60, 60);
/// The limit on uploads.
const LIMIT_UPLOAD: Limit = Limit::new(60, 60);
/// The limit on searches.
const LIMIT_SEARCH: Limit = Limit::new(60, 60);

/// The limit on chats that an account opens.
const LIMIT_CHATS: Limit = Limit::new(300, 3600);
/// The limit on what an account costs: a few milliseconds of Redis in each second, and a quarter of
/// a second at once.
const LIMIT_COST: Limit = Limit::new(12_000, 60);

/// The claims that name a user, as OpenID Connect has them.
const JWT_SUBJECT: &str = "sub";
const JWT_DISPLAY_NAME: &str = "name";
/// The time by which the clock of an identity provider may differ from ours.
const JWT_LEEWAY: Duration = Duration::from_secs(60);

/// The limit on requests with one key: a hundred a second.
const LIMIT_KEY: Limit = Limit::new(6000, 60);

/// The most rows that are in Redis alone: some gigabytes of messages.
const MAX_UNSAVED: u64 = 5_000_000;

/// The most bytes that an account uploads in a day: some hours of film.
const MAX_UPLOAD_A_DAY: u64 = 5 << 30;

/// The free bytes of a disk that uploads leave: SQL and Redis may be on it too.
const MIN_FREE_DISK: u64 = 1 << 30;

/// The most connections of one address: those of an office or a school.
const MAX_CONNECTIONS: usize = 1024;

/// The rule of who may create an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Registration {
    /// Any visitor may.
    Open,
    /// No visitor may.
    Closed,
    /// No visitor may, and nobody logs in with a password: all users are those of a product.
    External,
}

/// The rule of what the search for people finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Directory {
    /// All people, by the beginning of a name.
    Open,
    /// One person, by the whole username.
    Closed,
}

/// The rule of what happens to a text on which the hook gives no verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum HookFails {
    /// The text is stored as it is.
    Open,
    /// The text is refused, and may be sent again.
    Closed,
}

/// A setting that no log and no error shows.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// Returns the secret itself.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

/// The settings of the API server.
#[derive(Clone, Debug, clap::Args)]
#[group(skip)]
pub struct Config {
    /// The address to listen on
    #[arg(long, env = "CARRIER_LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The rule of who may create an account
    #[arg(long, env = "CARRIER_REGISTRATION", value_enum, default_value = "open")]
    pub registration: Registration,
    /// The URL of the keys (JWKS) of your identity provider, whose tokens (JWTs) log in: https, or
    /// http on this machine
    #[arg(long, env = "CARRIER_JWKS_URL")]
    pub jwks_url: Option<String>,
    /// A file with the public key of the tokens, in PEM or as JWKS, in the place of a URL; read at
    /// the start
    #[arg(long, env = "CARRIER_JWT_KEY_FILE")]
    pub jwt_key_file: Option<PathBuf>,
    /// The `iss` of the tokens; required with keys
    #[arg(long, env = "CARRIER_JWT_ISSUER")]
    pub jwt_issuer: Option<String>,
    /// The `aud` that tokens must have; unset: tokens with one are refused
    #[arg(long, env = "CARRIER_JWT_AUDIENCE")]
    pub jwt_audience: Option<String>,
    /// The claim that is the external id of the user
    #[arg(long, env = "CARRIER_JWT_SUBJECT", default_value = JWT_SUBJECT)]
    pub jwt_subject: String,
    /// The claim that is the display name of a user who is new
    #[arg(long, env = "CARRIER_JWT_DISPLAY_NAME", default_value = JWT_DISPLAY_NAME)]
    pub jwt_display_name: String,
    /// The time by which the clock of the provider may differ, up to 5m
    #[arg(
        long,
        env = "CARRIER_JWT_LEEWAY",
        default_value = "60s",
        value_parser = humantime::parse_duration,
    )]
    pub jwt_leeway: Duration,
    /// The rule of what the search for people finds
    #[arg(long, env = "CARRIER_DIRECTORY", value_enum, default_value = "open")]
    pub directory: Directory,
    /// True: browsers keep the session's cookie only over https, or on the server's own machine;
    /// false is for plain http in a trusted network
    #[arg(
        long,
        env = "CARRIER_COOKIE_SECURE",
        default_value_t = true,
        action = clap::ArgAction::Set,
    )]
    pub cookie_secure: bool,
    /// True: photos keep what the camera wrote into them, as the place where they were taken
    #[arg(
        long,
        env = "CARRIER_KEEP_PHOTO_METADATA",
        default_value_t = false,
        action = clap::ArgAction::Set,
    )]
    pub keep_photo_metadata: bool,
    /// True when webhooks may be told in private networks; all roles have it in common.
    #[arg(skip)]
    pub webhook_private: bool,
    /// The place of attachments and avatars: a folder, or
    /// s3://bucket/prefix?endpoint=...&region=...; all API servers must share it [default:
    /// data/files]
    #[arg(long, env = "CARRIER_FILES")]
    pub files: Option<String>,
    /// The most bytes of an attachment
    #[arg(long, env = "CARRIER_MAX_UPLOAD", default_value_t = 25 << 20)]
    pub max_upload: u64,
    /// The most bytes that an account uploads in a day. 0: any number
    #[arg(long, env = "CARRIER_MAX_UPLOAD_A_DAY", default_value_t = MAX_UPLOAD_A_DAY)]
    pub max_upload_a_day: u64,
    /// The fewest free bytes of the disk where files wait with which uploads are taken. 0: any
    #[arg(long, env = "CARRIER_MIN_FREE_DISK", default_value_t = MIN_FREE_DISK)]
    pub min_free_disk: u64,
    /// The time between two searches for files that nothing refers to
    #[arg(
        long,
        env = "CARRIER_FILES_SWEEP",
        default_value = "1h",
        value_parser = humantime::parse_duration,
    )]
    pub files_sweep: Duration,
    /// The most bytes of events that may wait, in total, for clients that read slowly
    #[arg(long, env = "CARRIER_MAX_WAITING", default_value_t = 256 << 20)]
    pub max_waiting: usize,
    /// About the most rows that may be in Redis alone, not in SQL yet; beyond it sends are refused
    /// until some are saved. 0: any number
    #[arg(long, env = "CARRIER_MAX_UNSAVED", default_value_t = MAX_UNSAVED)]
    pub max_unsaved: u64,
    /// The most connections of one address that is not a trusted proxy. 0: any number
    #[arg(long, env = "CARRIER_MAX_CONNECTIONS", default_value_t = MAX_CONNECTIONS)]
    pub max_connections: usize,
    /// The time between two heartbeats of a connection
    #[arg(
        long,
        env = "CARRIER_HEARTBEAT",
        default_value = "25s",
        value_parser = humantime::parse_duration,
    )]
    pub heartbeat: Duration,
    /// Origins of other sites whose pages may call the API, separated by commas
    #[arg(long, env = "CARRIER_ALLOWED_ORIGINS", value_delimiter = ',')]
    pub allowed_origins: Vec<String>,
    /// Proxies in front of the API, as addresses or ranges (10.0.0.0/8) separated by commas; their
    /// X-Forwarded-For is trusted
    #[arg(long, env = "CARRIER_TRUSTED_PROXIES", value_delimiter = ',', value_parser = parse_proxy)]
    pub trusted_proxies: Vec<IpNet>,
    /// The address of a receiver that judges each text before it is stored, http or https
    #[arg(long, env = "CARRIER_HOOK_URL", hide_env_values = true)]
    pub hook_url: Option<String>,
    /// The secret with which questions to the receiver are signed (Standard Webhooks): base64,
    /// with whsec_ before it or without
    #[arg(long, env = "CARRIER_HOOK_SECRET", hide_env_values = true)]
    pub hook_secret: Option<Secret>,
    /// The time within which the receiver answers
    #[arg(
        long,
        env = "CARRIER_HOOK_TIMEOUT",
        default_value = "300ms",
        value_parser = humantime::parse_duration,
    )]
    pub hook_timeout: Duration,
    /// The rule of what happens to a text on which the receiver gives no verdict: open, it is
    /// stored as it is; closed, it is refused
    #[arg(long, env = "CARRIER_HOOK_FAILS", value_enum, default_value = "open")]
    pub hook_fails: HookFails,
    /// The limit on logins for a name, as COUNT/DURATION or off; an address may try ten times as
    /// often
    #[arg(long, env = "CARRIER_LIMIT_LOGIN", default_value_t = LIMIT_LOGIN)]
    pub limit_login: Limit,
    /// The limit on registrations for an address
    #[arg(long, env = "CARRIER_LIMIT_REGISTER", default_value_t = LIMIT_REGISTER)]
    pub limit_register: Limit,
    /// The limit on messages of an account
    #[arg(long, env = "CARRIER_LIMIT_SEND", default_value_t = LIMIT_SEND)]
    pub limit_send: Limit,
    /// The limit on events that an account sends to chats
    #[arg(long, env = "CARRIER_LIMIT_EVENTS", default_value_t = LIMIT_EVENTS)]
    pub limit_events: Limit,
    /// The limit on uploads of an account
    #[arg(long, env = "CARRIER_LIMIT_UPLOAD", default_value_t = LIMIT_UPLOAD)]
    pub limit_upload: Limit,
    /// The limit on chats that an account opens, those that exist too
    #[arg(long, env = "CARRIER_LIMIT_CHATS", default_value_t = LIMIT_CHATS)]
    pub limit_chats: Limit,
    /// The limit on invitations that an account makes, looks at and follows, be they good or not
    #[arg(long, env = "CARRIER_LIMIT_INVITES", default_value_t = LIMIT_INVITES)]
    pub limit_invites: Limit,
    /// The limit on what the requests of an account cost, in units: a command or script of Redis is
    /// one, and so are 4 KiB to or from it, ten members who are notified, and 0.1 ms of SQL
    #[arg(long, env = "CARRIER_LIMIT_COST", default_value_t = LIMIT_COST)]
    pub limit_cost: Limit,
    /// The limit on requests with one key of the API
    #[arg(long, env = "CARRIER_LIMIT_KEY", default_value_t = LIMIT_KEY)]
    pub limit_key: Limit,
    /// The limit on searches of an account
    #[arg(long, env = "CARRIER_LIMIT_SEARCH", default_value_t = LIMIT_SEARCH)]
    pub limit_search: Limit,
}

impl Config {
    /// Returns the same settings without any rate limit.
    pub fn unlimited(self) -> Self {
        let off = Limit::OFF;
        Self {
            limit_login: off,
            limit_register: off,
            limit_send: off,
            limit_events: off,
            limit_invites: off,
            limit_upload: off,
            limit_search: off,
            limit_chats: off,
            limit_cost: off,
            limit_key: off,
            ..self
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            registration: Registration::Open,
            jwks_url: None,
            jwt_key_file: None,
            jwt_issuer: None,
            jwt_audience: None,
            jwt_subject: JWT_SUBJECT.to_owned(),
            jwt_display_name: JWT_DISPLAY_NAME.to_owned(),
            jwt_leeway: JWT_LEEWAY,
            directory: Directory::Open,
            cookie_secure: true,
            keep_photo_metadata: false,
            webhook_private: false,
            files: None,
            max_upload: 25 << 20,
            max_upload_a_day: MAX_UPLOAD_A_DAY,
            min_free_disk: MIN_FREE_DISK,
            files_sweep: Duration::from_secs(3600),
            max_waiting: 256 << 20,
            max_unsaved: MAX_UNSAVED,
            max_connections: MAX_CONNECTIONS,
            heartbeat: Duration::from_secs(25),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            hook_url: None,
            hook_secret: None,
            hook_timeout: Duration::from_millis(300),
            hook_fails: HookFails::Open,
            limit_login: LIMIT_LOGIN,
            limit_register: LIMIT_REGISTER,
            limit_send: LIMIT_SEND,
            limit_events: LIMIT_EVENTS,
            limit_invites: LIMIT_INVITES,
            limit_upload: LIMIT_UPLOAD,
            limit_search: LIMIT_SEARCH,
            limit_chats: LIMIT_CHATS,
            limit_cost: LIMIT_COST,
            limit_key: LIMIT_KEY,
        }
    }
}

/// Reads a trusted proxy: an address, or a range as in `10.0.0.0/8`.
pub(crate) fn parse_proxy(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let address = text
        .parse::<IpAddr>()
        .map(|address| IpNet::from(address.to_canonical()));
    address
        .or_else(|_| text.parse())
        .map_err(|_| "give an address, or a range as in 10.0.0.0/8".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_is_an_address_or_a_range() {
        assert!(parse_proxy(" 10.0.0.0/8 ").is_ok() && parse_proxy("::1").is_ok());
        for wrong in ["", "10.0.0.0/33", "proxy.example.org", "10.0.0"] {
            assert_eq!(
                parse_proxy(wrong),
                Err("give an address, or a range as in 10.0.0.0/8".to_owned())
            );
        }
    }
}
