//! The kinds of errors of SQL: about a row, about a lock, or an outage.

use sea_orm::{
    DbErr, RuntimeErr,
    sqlx::{error::DatabaseError, mysql::MySqlDatabaseError},
};

/// True for an error that is about a row's content, and would be the same tomorrow.
pub(super) fn is_about_a_row(error: &DbErr) -> bool {
    let Some(refusal) = refusal(error) else {
        return matches!(error, DbErr::Type(_) | DbErr::Json(_));
    };
    let code = refusal.code().unwrap_or_default();
    match refusal.try_downcast_ref::<MySqlDatabaseError>() {
        Some(error) => mysql_refuses_a_row(&code, error.number()),
        None => sqlite_refuses_a_row(&code),
    }
}

/// Returns what the database itself has said.
fn refusal(error: &DbErr) -> Option<&dyn DatabaseError> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        error
    else {
        return None;
    };
    error.as_database_error()
}

/// True for an error of MySQL that says that another transaction was in the way: 1205 (the wait for
/// a lock took too long), 1213 (a deadlock). SQLite has one lock for all rows, with no way around.
pub(crate) fn is_about_a_lock(error: &DbErr) -> bool {
    refusal(error)
        .and_then(|error| error.try_downcast_ref::<MySqlDatabaseError>())
        .is_some_and(|error| matches!(error.number(), 1205 | 1213))
}

/// True for the classes of SQLSTATE that are data exceptions (22), integrity constraints (23) and
/// signals of triggers (45), and for errors 1366 (incorrect string value) and 1153 (larger than a
/// packet).
fn mysql_refuses_a_row(state: &str, number: u16) -> bool {
    let class = state.get(..2).unwrap_or_default();
    matches!(class, "22" | "23" | "45") || matches!(number, 1366 | 1153)
}

/// True for SQLite's TOOBIG, CONSTRAINT and MISMATCH: 18 to 20 in the lowest byte.
fn sqlite_refuses_a_row(code: &str) -> bool {
    code.parse::<u32>()
        .is_ok_and(|code| matches!(code & 0xff, 18..=20))
}

#[cfg(test)]
pub(super) mod tests {
    use sea_orm::SqlxError;

    use super::*;

    pub(crate) fn bad_row() -> DbErr {
        DbErr::Type("cannot be written".into())
    }

    pub(crate) fn outage() -> DbErr {
        DbErr::Exec(RuntimeErr::SqlxError(SqlxError::PoolTimedOut.into()))
    }

    #[test]
    fn only_errors_about_content_are_about_a_row() {
        assert!(is_about_a_row(&bad_row()));
        assert!(is_about_a_row(&DbErr::Json("no".into())));
        assert!(!is_about_a_row(&outage()));
        assert!(!is_about_a_row(&DbErr::Custom("no".into())));
        // Too long, duplicate, signalled; a deadlock, read-only, too many connections.
        for (state, number) in [("22001", 1406), ("23000", 1062), ("45000", 1644)] {
            assert!(mysql_refuses_a_row(state, number), "{state}");
        }
        for (state, number) in [("40001", 1213), ("HY000", 1290), ("08004", 1040), ("", 0)] {
            assert!(!mysql_refuses_a_row(state, number), "{state}");
        }
        assert!(mysql_refuses_a_row("HY000", 1366) && mysql_refuses_a_row("08S01", 1153));
        // Too big, constraint, NOT NULL, mismatch; busy, read-only, I/O, full, no code.
        assert!(
            ["18", "19", "1299", "20"]
                .iter()
                .all(|code| sqlite_refuses_a_row(code))
        );
        assert!(
            !["5", "8", "10", "13", ""]
                .iter()
                .any(|code| sqlite_refuses_a_row(code))
        );
    }
}
