//! The connections that are written over.

use sea_orm::{DatabaseConnection, DbErr};
use tokio::sync::Mutex;

/// Connections to SQL that are thrown away as soon as one of them may be in the middle of a transaction: the next transaction would become a part of that
/// one, its commit would say that all is well, and all of it would go with the end of the connection.
pub struct Sql {
    url: String,
    connections: u32,
    pool: Mutex<Option<DatabaseConnection>>,
}

impl Sql {
    /// So many connections to the database at this URL.
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(url: &str, connections: u32) -> Result<Self, DbErr> {
        let pool = cold::connect(url, connections).await?;
        Ok(Self { url: url.to_owned(), connections, pool: Mutex::new(Some(pool)) })
    }

    /// The connections; new ones if the old ones were thrown away.
    pub(crate) async fn pool(&self) -> Result<DatabaseConnection, DbErr> {
        let mut pool = self.pool.lock().await;
        match &*pool {
            Some(pool) => Ok(pool.clone()),
            None => {
                let new = cold::connect(&self.url, self.connections).await?;
                *pool = Some(new.clone());
                Ok(new)
            }
        }
    }

    /// Throws all of them away. What they were in the middle of is rolled back; nobody waits for it, since a server that is silent may never say so.
    pub(crate) async fn discard(&self) {
        let Some(old) = self.pool.lock().await.take() else { return };
        tokio::spawn(async move {
            if let Err(error) = old.close().await {
                tracing::debug!(%error, "closing connections to SQL");
            }
        });
    }
}
