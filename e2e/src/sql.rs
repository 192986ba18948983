//! The SQL databases that tests run on.

use std::path::Path;

use crate::MariaDb;

/// The database of a test; most tests run on both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sql {
    /// A file in the test's own folder.
    Sqlite,
    /// A new database in the MariaDB server of the test process.
    MariaDb,
}

impl Sql {
    /// Returns the URL of a new, empty database.
    pub async fn url(self, folder: &Path) -> String {
        match self {
            Self::Sqlite => format!(
                "sqlite://{}?mode=rwc",
                folder.join("carrier.sqlite").display()
            ),
            Self::MariaDb => MariaDb::shared().await.fresh_database().await,
        }
    }
}

/// Makes of `async fn name(sql: Sql)` the tests `name::sqlite` and `name::mariadb`.
#[macro_export]
macro_rules! on_both {
    ($name:ident) => {
        mod $name {
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                Box::pin(super::$name($crate::Sql::Sqlite)).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn mariadb() {
                Box::pin(super::$name($crate::Sql::MariaDb)).await;
            }
        }
    };
}
