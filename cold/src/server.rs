//! What kind of SQL server this is, for `carrier doctor`.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{Cold, Result};

/// A setting that Carrier depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub value: String,
    /// It is as it should be.
    pub good: bool,
    /// The statement that mends it.
    pub mend: String,
}

/// What the URL points to, in a word.
pub fn engine(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::MySql => "MySQL or MariaDB",
        _ => "SQLite",
    }
}

impl Cold {
    /// Asks for the settings on which durability and correctness depend.
    pub async fn facts(&self) -> Result<Vec<Fact>> {
        if self.backend() != DbBackend::MySql {
            let synchronous = self.text("SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous").await?;
            let good = synchronous == "2" || synchronous == "3";
            return Ok(vec![Fact { name: "synchronous", value: synchronous, good, mend: "PRAGMA synchronous=FULL".into() }]);
        }
        let variable = |name: &'static str| format!("SELECT CONVERT(@@GLOBAL.{name} USING utf8mb4)");
        let mut facts = Vec::new();
        let flush = self.text(&variable("innodb_flush_log_at_trx_commit")).await?;
        let mend = "SET GLOBAL innodb_flush_log_at_trx_commit=1".to_owned();
        facts.push(Fact { name: "innodb_flush_log_at_trx_commit", good: flush == "1", value: flush, mend });
        if self.text(&variable("log_bin")).await? == "1" {
            let sync = self.text(&variable("sync_binlog")).await?;
            facts.push(Fact { name: "sync_binlog", good: sync == "1", value: sync, mend: "SET GLOBAL sync_binlog=1".into() });
        }
        let mode = self.text("SELECT CONVERT(@@SESSION.sql_mode USING utf8mb4)").await?;
        let mend = "SET GLOBAL sql_mode=CONCAT(@@GLOBAL.sql_mode,',STRICT_TRANS_TABLES')".to_owned();
        facts.push(Fact {
            name: "sql_mode",
            good: mode.contains("STRICT_TRANS_TABLES") || mode.contains("STRICT_ALL_TABLES"),
            value: mode,
            mend,
        });
        let charset = "SELECT COALESCE(MAX(table_collation), 'no table') FROM information_schema.tables \
                       WHERE table_schema = DATABASE() AND table_name = 'messages'";
        let charset = self.text(charset).await?;
        let mend = "ALTER TABLE messages CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin".to_owned();
        facts.push(Fact { name: "collation", good: charset == "utf8mb4_bin", value: charset, mend });
        Ok(facts)
    }

    async fn text(&self, sql: &str) -> Result<String> {
        let row = self.db.query_one_raw(Statement::from_string(self.backend(), sql)).await?;
        row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))
    }
}
