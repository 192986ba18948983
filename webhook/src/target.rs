//! The URLs that a webhook may have.

use std::net::IpAddr;

use reqwest::Url;

use crate::network::is_public;

/// The most bytes of a URL.
const MAX_URL: usize = 2048;

/// The addresses that may be told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Addresses of the Internet, over TLS.
    #[default]
    Public,
    /// Any address, as an operator says who has receivers in a network of their own.
    Private,
}

/// The reason for which an address cannot be told; a sentence says what would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTarget {
    /// The text is no URL, or not one of HTTP.
    #[error("must be a URL of up to 2048 bytes, as https://example.org/hooks")]
    NoUrl,
    /// The URL is not one of TLS.
    #[error(
        "must begin with https://; http:// is for private networks alone, where \
         CARRIER_WEBHOOK_PRIVATE is set"
    )]
    NoTls,
    /// The URL has a user or a password.
    #[error("must not have a user or a password; requests are signed with the secret")]
    Credentials,
    /// The address is not of the Internet.
    #[error(
        "must be an address of the Internet; one of a private network, or of the machine itself, \
         is told only where CARRIER_WEBHOOK_PRIVATE is set"
    )]
    Private,
}

/// Reads the URL of a webhook that is to be made. Its name is looked up when it is told, and may be
/// refused then; that of the machine itself is refused at once.
///
/// # Errors
/// The reason for which it cannot be told.
pub fn parse_target(text: &str, reach: Reach) -> Result<Url, BadTarget> {
    let url = parse(text, reach)?;
    let host = url.host_str().unwrap_or_default();
    let is_local = host == "localhost" || host.ends_with(".localhost");
    match is_local && reach == Reach::Public {
        true => Err(BadTarget::Private),
        false => Ok(url),
    }
}

/// Reads the URL of a webhook, whose name, if it has one, is looked up and judged after that.
pub(crate) fn parse(text: &str, reach: Reach) -> Result<Url, BadTarget> {
    let is_good = |url: &Url| matches!(url.scheme(), "http" | "https") && url.has_host();
    let url = Url::parse(text).ok().filter(is_good);
    let url = url
        .filter(|_| text.len() <= MAX_URL)
        .ok_or(BadTarget::NoUrl)?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(BadTarget::Credentials);
    }
    if reach == Reach::Private {
        return Ok(url);
    }
    let host = url.host_str().unwrap_or_default();
    if literal(host).is_some_and(|address| !is_public(address)) {
        return Err(BadTarget::Private);
    }
    match url.scheme() {
        "https" => Ok(url),
        _ => Err(BadTarget::NoTls),
    }
}

/// Returns the address that a host is; `None` for a name.
fn literal(host: &str) -> Option<IpAddr> {
    host.trim_matches(['[', ']']).parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_over_tls_are_told() {
        let parse = |text| parse_target(text, Reach::Public);
        for text in [
            "https://example.org/hooks?of=1",
            "https://1.1.1.1:8443/",
            "https://[2606:4700::1111]/",
        ] {
            assert!(parse(text).is_ok(), "{text}");
        }
        for text in [
            "https://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://localhost/",
            "https://api.localhost/",
            "https://169.254.169.254/latest/meta-data/",
        ] {
            assert_eq!(parse(text), Err(BadTarget::Private), "{text}");
        }
        assert_eq!(parse("http://example.org/"), Err(BadTarget::NoTls));
        let with_password = "https://ann:tugboat@example.org/";
        assert_eq!(parse(with_password), Err(BadTarget::Credentials));
        let long = format!("https://example.org/{}", "a".repeat(MAX_URL));
        for text in ["", "hooks", "ftp://example.org/", "https://", &long] {
            assert_eq!(parse(text), Err(BadTarget::NoUrl), "{text}");
        }
    }

    #[test]
    fn a_private_network_is_told_where_the_operator_says_so() {
        for text in [
            "http://127.0.0.1:9000/",
            "http://receiver/",
            "https://[::1]/",
        ] {
            assert!(parse_target(text, Reach::Private).is_ok(), "{text}");
        }
        let with_password = "http://ann:tugboat@receiver/";
        assert!(parse_target(with_password, Reach::Private).is_err());
    }
}
