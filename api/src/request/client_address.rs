//! The address of a client: that of the peer, or the one that a trusted proxy says it speaks for.
//!
//! Only `X-Forwarded-For` is read: proxies write it, and most pass on any `Forwarded` that a client
//! made up.

use std::net::{IpAddr, SocketAddr};

use ipnet::{IpNet, Ipv6Net};
use poem::{Addr, Request};

/// The bits of an IPv6 address that are counted as one client: a household or a server has a /64,
/// or more.
const ONE_SITE: u8 = 64;

/// Returns the client of a request as it is counted: an IPv4 address, or the /64 of an IPv6
/// address.
pub(crate) fn of(request: &Request, trusted: &[IpNet]) -> String {
    let Addr::SocketAddr(peer) = &**request.remote_addr() else {
        return "local".to_owned();
    };
    let said = request
        .headers()
        .get_all("x-forwarded-for")
        .iter()
        .map(|value| value.to_str().unwrap_or_default());
    site(farthest(peer.ip(), &said.collect::<Vec<_>>(), trusted))
}

/// Returns the client of a connection as it is counted; `None` for a trusted proxy, which speaks
/// for many.
pub(crate) fn of_peer(peer: IpAddr, trusted: &[IpNet]) -> Option<String> {
    let peer = peer.to_canonical();
    (!is_trusted(peer, trusted)).then(|| site(peer))
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|range| range.contains(&address))
}

/// Returns the part of an address that is counted as one client.
fn site(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => Ipv6Net::new_assert(address, ONE_SITE).trunc().to_string(),
    }
}

/// Returns the last address that is not a trusted proxy. Each proxy adds the address of its peer at
/// the end, so this is the last one that a trusted proxy has seen; a client can have made up those
/// before it.
fn farthest(peer: IpAddr, said: &[&str], trusted: &[IpNet]) -> IpAddr {
    let mut address = peer.to_canonical();
    let mut hops = said.iter().flat_map(|line| line.split(',')).rev();
    while is_trusted(address, trusted) {
        match hops.next().and_then(parse_hop) {
            Some(hop) => address = hop,
            None => break,
        }
    }
    address
}

/// Reads an address; some proxies add the port.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let address = text
        .parse()
        .or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_proxy;

    fn asks(peer: &str, said: &[&str], trusted: &[&str]) -> String {
        let trusted: Vec<_> = trusted
            .iter()
            .map(|text| parse_proxy(text).expect("a proxy"))
            .collect();
        farthest(peer.parse().expect("an address"), said, &trusted).to_string()
    }

    #[test]
    fn a_peer_that_is_no_trusted_proxy_asks_for_itself() {
        assert_eq!(asks("203.0.113.7", &[], &[]), "203.0.113.7");
        assert_eq!(asks("203.0.113.7", &["198.51.100.1"], &[]), "203.0.113.7");
        assert_eq!(
            asks(
                "203.0.113.7",
                &["198.51.100.1"],
                &["10.0.0.0/8", "203.0.113.8"]
            ),
            "203.0.113.7"
        );
    }

    #[test]
    fn a_trusted_proxy_asks_for_the_last_one_that_is_not() {
        let trusted = ["10.0.0.0/8", "203.0.113.8", "2001:db8::/32"];
        assert_eq!(
            asks("10.1.2.3", &["198.51.100.1"], &trusted),
            "198.51.100.1"
        );
        assert_eq!(
            asks("203.0.113.8", &["1.1.1.1, 198.51.100.1"], &trusted),
            "198.51.100.1",
            "the first was made up"
        );
        assert_eq!(
            asks("10.1.2.3", &["1.1.1.1, 198.51.100.1 ,10.9.9.9"], &trusted),
            "198.51.100.1"
        );
        assert_eq!(
            asks("10.1.2.3", &["1.1.1.1,198.51.100.1", "10.9.9.9"], &trusted),
            "198.51.100.1",
            "several headers are one list"
        );
        assert_eq!(asks("2001:db8::1", &["2a00::5"], &trusted), "2a00::5");
        assert_eq!(
            asks("10.1.2.3", &["198.51.100.1:4711"], &trusted),
            "198.51.100.1"
        );
        assert_eq!(asks("10.1.2.3", &["[2a00::5]:4711"], &trusted), "2a00::5");
    }

    #[test]
    fn what_cannot_be_read_is_not_gone_past() {
        assert_eq!(asks("10.1.2.3", &[], &["10.0.0.0/8"]), "10.1.2.3");
        assert_eq!(
            asks("10.1.2.3", &["198.51.100.1, unknown"], &["10.0.0.0/8"]),
            "10.1.2.3"
        );
        assert_eq!(
            asks(
                "10.1.2.3",
                &["198.51.100.1, unknown, 10.9.9.9"],
                &["10.0.0.0/8"]
            ),
            "10.9.9.9"
        );
        assert_eq!(
            asks("10.1.2.3", &["10.7.7.7, 10.9.9.9"], &["10.0.0.0/8"]),
            "10.7.7.7",
            "all are proxies: the first of them"
        );
    }

    #[test]
    fn an_ipv4_address_in_ipv6_form_is_that_address() {
        assert_eq!(
            asks("::ffff:10.1.2.3", &["::ffff:198.51.100.1"], &["10.0.0.0/8"]),
            "198.51.100.1"
        );
        assert_eq!(
            asks("10.1.2.3", &["198.51.100.1"], &["::ffff:10.1.2.3"]),
            "198.51.100.1"
        );
    }

    #[test]
    fn an_ipv6_address_is_counted_with_its_neighbours() {
        let site = |text: &str| site(text.parse().expect("an address"));
        assert_eq!(site("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(site("2001:db8:1:2::1"), site("2001:db8:1:2:ffff::9"));
        assert_ne!(site("2001:db8:1:2::1"), site("2001:db8:1:3::1"));
        assert_eq!(site("203.0.113.7"), "203.0.113.7");
    }
}
