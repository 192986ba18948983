//! Keys of the API: private rows of the server's own account, and so hot and cold as all others.

use std::{
    sync::PoisonError,
    time::{Duration, Instant},
};

use hot::{UserChange, UserRecord};
use model::{ApiKey, KeyId, KeyRecord, PrivateKey, Scope, Tick, UserId};
use sha2::{Digest, Sha256};

use crate::{Error, Result, Store, password::random, residency::retry};

/// The time for which a server without keys is known to have none.
const KEYLESS: Duration = Duration::from_secs(1);

impl Store {
    /// Makes a key, which is shown only here.
    ///
    /// # Errors
    /// [`Error::TooManyKeys`]; [`Error::Hot`] or [`Error::Cold`] when a store does not answer.
    pub async fn create_key(&self, name: &str, scopes: &[Scope]) -> Result<ApiKey> {
        self.ensure_server_account().await?;
        let key = ApiKey::new(random());
        let mut scopes = scopes.to_vec();
        scopes.sort_unstable();
        scopes.dedup();
        let record = KeyRecord {
            name: name.to_owned(),
            scopes,
            hash: key.hash(),
            created: Tick::now(),
        };
        let value = serde_json::to_string(&record).expect("words and numbers");
        let about = PrivateKey::Key(key.id);
        match self
            .change_private_row(UserId::SERVER, about, "", &value)
            .await?
        {
            Some(_) => Ok(key),
            None => Err(Error::Failed), // the id is new, so no row has it
        }
    }

    /// Returns the keys that are not revoked, the oldest first.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn keys(&self) -> Result<Vec<(KeyId, KeyRecord)>> {
        let rows = loop {
            match retry(|| self.hot.api_keys(UserId::SERVER)).await? {
                Ok(rows) => break rows,
                Err(_) if self.hydrate_user(UserId::SERVER).await? => {}
                Err(_) => return Ok(Vec::new()),
            }
        };
        let mut keys: Vec<_> = rows
            .iter()
            .filter_map(|row| match row.key {
                PrivateKey::Key(id) => Some((id, read(&row.value)?)),
                PrivateKey::Chat(_)
                | PrivateKey::Block(_)
                | PrivateKey::Ended(_)
                | PrivateKey::Webhook(_) => None,
            })
            .collect();
        keys.sort_by_key(|(id, _)| *id);
        Ok(keys)
    }

    /// Revokes a key; false when there is none.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn revoke_key(&self, id: KeyId) -> Result<bool> {
        let about = PrivateKey::Key(id);
        loop {
            let seen = match self.private_row(UserId::SERVER, about).await {
                Ok((_, seen)) => seen,
                Err(Error::NoUser) => return Ok(false),
                Err(error) => return Err(error),
            };
            if seen.is_empty() {
                return Ok(false);
            }
            let revoked = self
                .change_private_row(UserId::SERVER, about, &seen, "")
                .await?;
            if revoked.is_some() {
                return Ok(true);
            }
        }
    }

    /// Returns what is known of a key that somebody presents; `None` when it is no key of this
    /// server, or was revoked.
    ///
    /// # Errors
    /// [`Error::Hot`] or [`Error::Cold`] when a store does not answer; retry later.
    pub async fn find_key(&self, key: &ApiKey) -> Result<Option<KeyRecord>> {
        // Anybody may present what looks like a key, and must not have SQL asked each time.
        let keyless = || self.keyless.lock().unwrap_or_else(PoisonError::into_inner);
        if keyless().is_some_and(|since| since.elapsed() < KEYLESS) {
            return Ok(None);
        }
        let row = self
            .private_row(UserId::SERVER, PrivateKey::Key(key.id))
            .await;
        let record = match row {
            Ok((_, value)) => read(&value),
            Err(Error::NoUser) => {
                *keyless() = Some(Instant::now());
                None
            }
            Err(error) => return Err(error),
        };
        Ok(record.filter(|record| is_same(&record.hash, &key.hash())))
    }

    /// Makes the account whose private rows the keys are, and who was erased, unless there is one.
    pub(super) async fn ensure_server_account(&self) -> Result<()> {
        self.load_or_begin_account(UserId::SERVER).await?;
        let known = retry(|| self.hot.user(UserId::SERVER)).await?;
        if matches!(known, UserRecord::Named(_)) {
            return Ok(());
        }
        let change = UserChange {
            username: Some(String::new()),
            email: Some(String::new()),
            external_id: Some(String::new()),
            display_name: Some(String::new()),
            bio: Some(String::new()),
            avatar: Some(String::new()),
            password: Some(String::new()),
            found_by_email: Some(false),
            disabled: Some(true),
            metadata: None,
            ends_sessions: true,
            created: true,
            claims: Vec::new(),
        };
        self.apply(UserId::SERVER, &change).await
    }
}

/// Reads the value of a row; `None` when it says nothing.
fn read(value: &str) -> Option<KeyRecord> {
    serde_json::from_str(value).ok()
}

/// Compares two hashes in a time that does not tell where they differ: of their own hashes, nobody
/// can choose a beginning.
fn is_same(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}
