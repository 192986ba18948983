//! A backup of SQL, in tables of the same database, and its restoring.

use sea_orm::{ConnectionTrait, DatabaseConnection, DbErr, TransactionTrait};

/// The tables that a backup has: all but that of the migrations, and that of the database's name.
const TABLES: [&str; 7] = [
    "users",
    "chats",
    "members",
    "messages",
    "attachments",
    "mine",
    "commits",
];

/// Makes a backup of SQL as it is now.
///
/// # Errors
/// Fails when SQL does not do it, or has a backup already.
pub async fn back_up(sql: &DatabaseConnection) -> Result<(), DbErr> {
    for table in TABLES {
        let copy = format!("CREATE TABLE backup_{table} AS SELECT * FROM {table}");
        sql.execute_unprepared(&copy).await?;
    }
    Ok(())
}

/// Restores the backup, which is gone then.
///
/// # Errors
/// Fails when SQL does not do it, or has no backup.
pub async fn restore(sql: &DatabaseConnection) -> Result<(), DbErr> {
    let transaction = sql.begin().await?;
    for table in TABLES {
        let empty = format!("DELETE FROM {table}");
        let fill = format!("INSERT INTO {table} SELECT * FROM backup_{table}");
        transaction.execute_unprepared(&empty).await?;
        transaction.execute_unprepared(&fill).await?;
    }
    transaction.commit().await?;
    for table in TABLES {
        let forget = format!("DROP TABLE backup_{table}");
        sql.execute_unprepared(&forget).await?;
    }
    Ok(())
}
