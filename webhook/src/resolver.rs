//! The look-up of a receiver's name: the addresses that it returns are checked, and are those that
//! are connected to, so no second answer of a name server counts.

use std::{io, net::SocketAddr, pin::Pin, sync::Arc};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use crate::{Reach, is_public};

/// The addresses of a name.
pub(crate) type Found = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;

/// Looks up names of receivers.
pub(crate) struct Resolver {
    reach: Reach,
    look_up: Arc<dyn Fn(String) -> Found + Send + Sync>,
}

/// A name without an address that may be told.
#[derive(Debug, thiserror::Error)]
#[error("the name is that of a private network, or of the machine itself")]
pub(crate) struct PrivateName;

impl Resolver {
    /// Returns a resolver that asks the system.
    pub(crate) fn new(reach: Reach) -> Self {
        Self::asking(reach, |name| {
            Box::pin(async move { Ok(tokio::net::lookup_host((name, 0)).await?.collect()) })
        })
    }

    pub(crate) fn asking(
        reach: Reach,
        look_up: impl Fn(String) -> Found + Send + Sync + 'static,
    ) -> Self {
        Self {
            reach,
            look_up: Arc::new(look_up),
        }
    }
}

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let (reach, found) = (self.reach, (self.look_up)(name.as_str().to_owned()));
        Box::pin(async move {
            let mut found = found.await?;
            if reach == Reach::Public {
                found.retain(|address| is_public(address.ip()));
                if found.is_empty() {
                    return Err(PrivateName.into());
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn resolve(reach: Reach, found: &[&str]) -> Result<Vec<String>, String> {
        let parse = |text: &&str| SocketAddr::new(text.parse().expect("an address"), 0);
        let found: Vec<_> = found.iter().map(parse).collect();
        let resolver = Resolver::asking(reach, move |_| {
            let found = found.clone();
            Box::pin(async move { Ok(found) })
        });
        let resolved = resolver.resolve("example.org".parse().expect("a name"));
        match resolved.await {
            Ok(addresses) => Ok(addresses.map(|one| one.ip().to_string()).collect()),
            Err(error) => Err(error.to_string()),
        }
    }

    #[tokio::test]
    async fn of_a_names_addresses_only_public_ones_are_connected_to() {
        let found = resolve(Reach::Public, &["10.0.0.1", "1.1.1.1", "::1"]).await;
        assert_eq!(found, Ok(vec!["1.1.1.1".to_owned()]));
        let found = resolve(Reach::Public, &["10.0.0.1", "::ffff:127.0.0.1"]).await;
        assert!(found.expect_err("none is left").contains("private"));
        let found = resolve(Reach::Private, &["10.0.0.1"]).await;
        assert_eq!(found, Ok(vec!["10.0.0.1".to_owned()]));
    }

    #[tokio::test]
    async fn the_machines_own_name_is_not_told() {
        let resolver = Resolver::new(Reach::Public);
        let found = resolver.resolve("localhost".parse().expect("a name")).await;
        assert!(found.is_err());
    }
}
