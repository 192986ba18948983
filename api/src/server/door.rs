//! The rule of who is let in, and what is logged about the others.

use std::{
    io::{self, ErrorKind},
    net::IpAddr,
    sync::Arc,
    time::Duration,
};

use fair::Shares;
use tokio::time::Instant;

use super::{Bounds, Place};
use crate::request::client_address;

/// The shortest time between two lines of the log on the same trouble.
const LOG_EVERY: Duration = Duration::from_secs(10);

/// The rule of who is let in.
pub(super) struct Door {
    bounds: Bounds,
    connections: Arc<Shares>,
    refused: Seldom,
    failed: Seldom,
}

impl Door {
    /// Returns the rule that the bounds make.
    pub(super) fn new(bounds: Bounds) -> Self {
        let most = match bounds.connections {
            0 => usize::MAX,
            most => most,
        };
        Self {
            connections: Shares::new(most, usize::MAX),
            bounds,
            refused: Seldom::default(),
            failed: Seldom::default(),
        }
    }

    /// Returns the place of a new connection; `None` when its address has as many as it may.
    pub(super) fn admit(&mut self, peer: IpAddr) -> Option<Place> {
        let Some(address) = client_address::of_peer(peer, &self.bounds.trusted_proxies) else {
            return Some(Place::new(None));
        };
        let share = self.connections.take(&address, 1);
        if share.is_none() && self.refused.may_log() {
            tracing::warn!(
                address,
                most = self.bounds.connections,
                "refused a connection: its address has too many. Name a proxy in \
                 CARRIER_TRUSTED_PROXIES, or raise CARRIER_MAX_CONNECTIONS"
            );
        }
        share.map(|share| Place::new(Some(share)))
    }

    /// Logs, seldom, that no connection can be accepted.
    pub(super) fn cannot_accept(&mut self, error: &io::Error) {
        if self.failed.may_log() {
            tracing::error!(
                %error,
                "cannot accept connections; if too many files are open, allow more (ulimit -n)"
            );
        }
    }
}

/// True for the failure of one connection, which has ended before it was accepted.
pub(super) fn is_of_the_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset | ErrorKind::ConnectionRefused
    )
}

/// A line of the log that is written again only after a while.
#[derive(Default)]
struct Seldom(Option<Instant>);

impl Seldom {
    fn may_log(&mut self) -> bool {
        let may = self.0.is_none_or(|last| last.elapsed() >= LOG_EVERY);
        if may {
            self.0 = Some(Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_proxy;

    #[test]
    fn an_address_has_so_many_connections_and_a_proxy_any_number() {
        let mut door = Door::new(Bounds {
            connections: 2,
            trusted_proxies: vec![parse_proxy("10.0.0.0/8").expect("a range")],
            patience: LOG_EVERY,
        });
        let mut admit = |address: &str| door.admit(address.parse().expect("an address"));
        let (first, second) = (admit("2001:db8::1"), admit("2001:db8::2"));
        assert!(first.is_some() && second.is_some());
        assert!(admit("2001:db8::3").is_none(), "a third of the same site");
        assert!(admit("203.0.113.7").is_some(), "others have their own");
        let proxy: Vec<_> = (0..9).map(|_| admit("::ffff:10.1.2.3")).collect();
        assert!(proxy.iter().all(Option::is_some));
        drop(second);
        assert!(admit("2001:db8::3").is_some(), "one was closed");
    }

    #[tokio::test(start_paused = true)]
    async fn the_same_trouble_is_logged_seldom() {
        let mut seldom = Seldom::default();
        assert!(seldom.may_log() && !seldom.may_log());
        tokio::time::sleep(LOG_EVERY).await;
        assert!(seldom.may_log() && !seldom.may_log());
    }
}
