//! The rules of what a token must say, from the settings.

use std::time::Duration;

/// The rules of what a token must say, and the claims that tell who its user is.
#[derive(Clone, Debug)]
pub(crate) struct Rules {
    /// The `iss` of every token.
    pub(crate) issuer: String,
    /// The audience that a token must be for; `None`: a token must name none.
    pub(crate) audience: Option<String>,
    /// The claim that is the external id of the user.
    pub(crate) subject: String,
    /// The claim that is the display name of a user who is new.
    pub(crate) display_name: String,
    /// The time by which the clock of the provider may differ from ours.
    pub(crate) leeway: Duration,
}

impl Rules {
    /// Returns the name of the sessions that tokens open: the host of the issuer.
    pub(crate) fn device(&self) -> &str {
        let issuer = &self.issuer;
        let host = issuer
            .split_once("://")
            .map_or(issuer.as_str(), |(_, rest)| rest);
        let host = host.split('/').next().unwrap_or_default();
        &host[..host.floor_char_boundary(100)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_by_who_issued_its_token() {
        let device = |issuer: &str| {
            let rules = Rules {
                issuer: issuer.into(),
                audience: None,
                subject: "sub".into(),
                display_name: "name".into(),
                leeway: Duration::ZERO,
            };
            rules.device().to_owned()
        };
        assert_eq!(
            device("https://id.example.org/realms/shop"),
            "id.example.org"
        );
        assert_eq!(device("shop"), "shop");
        assert_eq!(device(&"é".repeat(80)).len(), 100);
    }
}
