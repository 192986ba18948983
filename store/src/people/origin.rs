//! The places from which somebody has logged in with a name: who guesses from elsewhere cannot keep
//! them out.

use model::{User, fold};
use sha2::{Digest, Sha256};

use crate::{Result, Store, residency::retry};

impl Store {
    /// Returns the mark of the first of these places, addresses or devices, from which somebody has
    /// logged in with this name.
    ///
    /// # Errors
    /// [`crate::Error::Hot`] when Redis is away.
    pub async fn known_origin(&self, name: &str, places: &[String]) -> Result<Option<String>> {
        let name = fold(name);
        let marks = marks(&name, places);
        match retry(|| self.hot.has_origins(&name, &marks)).await {
            Err(error) if !error.is_outage() => {
                tracing::warn!(%error, "could not look up where a name is known");
                Ok(None)
            }
            known => {
                let known = known?.into_iter().chain(std::iter::repeat(false));
                let mut known = marks.into_iter().zip(known).filter(|(_, known)| *known);
                Ok(known.next().map(|(mark, _)| mark))
            }
        }
    }

    /// Notes that a user has logged in from these places.
    pub async fn note_origins(&self, user: &User, places: &[String]) {
        for name in [fold(&user.username), fold(&user.email)] {
            let noted = self.hot.note_origins(&name, &marks(&name, places)).await;
            if let Err(error) = noted {
                tracing::debug!(%error, "could not note where a user has logged in");
            }
        }
    }

    /// Forgets from where a user has logged in.
    pub(crate) async fn forget_origins(&self, user: &User) {
        for name in [fold(&user.username), fold(&user.email)] {
            if let Err(error) = self.hot.forget_origins(&name).await {
                tracing::debug!(%error, "the places of a login are forgotten later");
            }
        }
    }
}

/// Returns a mark for each place, which tells neither the place nor that another name knows it too.
fn marks(name: &str, places: &[String]) -> Vec<String> {
    let mark = |place: &String| {
        let digest = Sha256::digest(format!("{name}\n{place}"));
        let half = digest.iter().take(16);
        half.map(|byte| format!("{byte:02x}")).collect()
    };
    places.iter().map(mark).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_of_a_name_and_a_place() {
        let mark = |name: &str, place: &str| marks(name, &[place.to_owned()]).remove(0);
        assert_eq!(mark("ann", "203.0.113.7"), mark("ann", "203.0.113.7"));
        assert_ne!(mark("ann", "203.0.113.7"), mark("bob", "203.0.113.7"));
        assert_ne!(mark("ann", "203.0.113.7"), mark("ann", "203.0.113.8"));
        assert_eq!(mark("ann", "203.0.113.7").len(), 32);
    }
}
