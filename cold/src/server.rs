//! Settings of the SQL server that Carrier depends on, for `carrier doctor`.

use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::{Cold, Result};

/// A setting that Carrier depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The name of the setting.
    pub name: &'static str,
    /// The value that the server has.
    pub value: String,
    /// True when the value is as Carrier needs it.
    pub good: bool,
    /// The statement that sets it right.
    pub mend: String,
}

impl Fact {
    fn new(name: &'static str, value: String, good: bool, mend: &str) -> Self {
        Self {
            name,
            value,
            good,
            mend: mend.to_owned(),
        }
    }

    /// SQLite must sync at every commit: FULL (2) or EXTRA (3).
    fn synchronous(value: String) -> Self {
        let good = value == "2" || value == "3";
        Self::new("synchronous", value, good, "PRAGMA synchronous=FULL")
    }

    /// InnoDB must flush its log at every commit.
    fn log_flush(value: String) -> Self {
        let (name, good) = ("innodb_flush_log_at_trx_commit", value == "1");
        let mend = "SET GLOBAL innodb_flush_log_at_trx_commit=1";
        Self::new(name, value, good, mend)
    }

    /// The binary log must be synced at every commit.
    fn binary_log(value: String) -> Self {
        let good = value == "1";
        Self::new("sync_binlog", value, good, "SET GLOBAL sync_binlog=1")
    }

    /// The server must take writes.
    fn read_only(value: String) -> Self {
        let good = matches!(value.as_str(), "OFF" | "0" | "");
        let mend = "point CARRIER_DATABASE_URL to the primary, or SET GLOBAL read_only=OFF";
        Self::new("read_only", value, good, mend)
    }

    /// A node of a Galera cluster must not answer a read before it has what others committed.
    fn wsrep_sync_wait(value: String) -> Self {
        let good = value.parse::<u32>().is_ok_and(|bits| bits & 1 == 1);
        let mend = "SET GLOBAL wsrep_sync_wait=1";
        Self::new("wsrep_sync_wait", value, good, mend)
    }

    /// A value that does not fit must be an error, and not be cut.
    fn sql_mode(value: String) -> Self {
        let good = value.contains("STRICT_TRANS_TABLES") || value.contains("STRICT_ALL_TABLES");
        let mend = "SET GLOBAL sql_mode=CONCAT(@@GLOBAL.sql_mode,',STRICT_TRANS_TABLES')";
        Self::new("sql_mode", value, good, mend)
    }

    /// Texts that differ in any way must differ for SQL.
    fn collation(value: String) -> Self {
        let good = value == "utf8mb4_bin";
        let mend = "ALTER TABLE messages CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_bin";
        Self::new("collation", value, good, mend)
    }
}

/// Returns the name of an engine for people.
pub fn engine(backend: DbBackend) -> &'static str {
    match backend {
        DbBackend::MySql => "MySQL or MariaDB",
        _ => "SQLite",
    }
}

impl Cold {
    /// Asks for the settings on which durability and correctness depend.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses a query.
    pub async fn facts(&self) -> Result<Vec<Fact>> {
        if self.backend() != DbBackend::MySql {
            let synchronous = "SELECT CAST(synchronous AS TEXT) FROM pragma_synchronous";
            return Ok(vec![Fact::synchronous(self.text(synchronous).await?)]);
        }
        let mut facts = vec![Fact::log_flush(
            self.global("innodb_flush_log_at_trx_commit").await?,
        )];
        if self.global("log_bin").await? == "1" {
            facts.push(Fact::binary_log(self.global("sync_binlog").await?));
        }
        facts.push(Fact::read_only(self.variable("read_only").await?));
        if self.variable("wsrep_on").await? == "ON" {
            facts.push(Fact::wsrep_sync_wait(
                self.variable("wsrep_sync_wait").await?,
            ));
        }
        let mode = "SELECT CONVERT(@@SESSION.sql_mode USING utf8mb4)";
        facts.push(Fact::sql_mode(self.text(mode).await?));
        let collation = "SELECT COALESCE(MAX(table_collation), 'no table') \
                         FROM information_schema.tables \
                         WHERE table_schema = DATABASE() AND table_name = 'messages'";
        facts.push(Fact::collation(self.text(collation).await?));
        Ok(facts)
    }

    /// Returns a global variable of MySQL as text.
    async fn global(&self, name: &'static str) -> Result<String> {
        self.text(&format!("SELECT CONVERT(@@GLOBAL.{name} USING utf8mb4)"))
            .await
    }

    /// Returns a variable of MySQL that not every server has; empty if there is none.
    async fn variable(&self, name: &'static str) -> Result<String> {
        let show = format!("SHOW VARIABLES LIKE '{name}'");
        let row = self
            .db
            .query_one_raw(Statement::from_string(self.backend(), show))
            .await?;
        row.map_or(Ok(String::new()), |row| row.try_get_by_index(1))
    }

    /// Returns the first column of the first row as text; empty if there is no row.
    async fn text(&self, sql: &str) -> Result<String> {
        let row = self
            .db
            .query_one_raw(Statement::from_string(self.backend(), sql))
            .await?;
        row.map_or(Ok(String::new()), |row| row.try_get_by_index(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_settings_that_lose_nothing_are_good() {
        type Make = fn(String) -> Fact;
        let cases: [(Make, &[&str], &[&str]); 7] = [
            (Fact::synchronous, &["2", "3"], &["0", "1", ""]),
            (Fact::log_flush, &["1"], &["0", "2", ""]),
            (Fact::binary_log, &["1"], &["0", "100"]),
            (Fact::read_only, &["OFF", "0", ""], &["ON", "1"]),
            (Fact::wsrep_sync_wait, &["1", "7"], &["0", "6", ""]),
            (
                Fact::sql_mode,
                &["STRICT_TRANS_TABLES", "ANSI,STRICT_ALL_TABLES"],
                &["", "NO_ENGINE_SUBSTITUTION"],
            ),
            (
                Fact::collation,
                &["utf8mb4_bin"],
                &["utf8mb4_general_ci", "no table"],
            ),
        ];
        for (make, good, bad) in cases {
            assert!(good.iter().all(|value| make((*value).to_owned()).good));
            assert!(!bad.iter().any(|value| make((*value).to_owned()).good));
            assert!(make("x".into()).mend.contains(char::is_alphabetic));
        }
    }

    #[test]
    fn each_engine_has_a_name() {
        assert_eq!(engine(DbBackend::Sqlite), "SQLite");
        assert_eq!(engine(DbBackend::MySql), "MySQL or MariaDB");
    }
}
