//! The search for a row that SQL refuses, and for those that are locked.

use std::collections::{BTreeSet, HashSet};

use model::WebhookId;
use sea_orm::DbErr;

use super::refusal::{is_about_a_lock, is_about_a_row};
use crate::{
    Error,
    row::{Owner, SqlRow},
};

/// A row that SQL refuses for its content.
#[derive(Clone, Debug)]
pub(crate) struct Rejected {
    /// The row.
    pub(crate) row: SqlRow,
    /// The error of SQL.
    pub(crate) error: String,
}

/// The rows that were not written, and why.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// The rows that SQL refuses.
    pub(crate) rejected: Vec<Rejected>,
    /// The owners whose rows were not written, or not all, since another transaction has locked
    /// them.
    pub(crate) locked: HashSet<Owner>,
    /// The owners whose rows were not written, or not all, since there was no time left.
    pub(crate) late: HashSet<Owner>,
    /// The webhooks that are to be told of what was written.
    pub(crate) given: HashSet<WebhookId>,
}

/// The search for the rows that SQL refuses, and for those that are locked, by halving.
pub(super) struct Search {
    /// The parts that are still to be written, the next one last.
    parts: Vec<Vec<SqlRow>>,
    pub(super) outcome: Outcome,
}

impl Search {
    pub(super) fn of(rows: Vec<SqlRow>) -> Self {
        let parts = if rows.is_empty() {
            Vec::new()
        } else {
            vec![rows]
        };
        Self {
            parts,
            outcome: Outcome::default(),
        }
    }

    /// Returns the next rows to be written in one transaction: at least one row.
    pub(super) fn next(&mut self) -> Option<Vec<SqlRow>> {
        self.parts.pop()
    }

    /// Leaves these owners for later, and returns the rows of all others.
    pub(super) fn leave_out(
        &mut self,
        mut rows: Vec<SqlRow>,
        locked: &HashSet<Owner>,
    ) -> Vec<SqlRow> {
        if !locked.is_empty() {
            tracing::warn!(?locked, "rows are locked in SQL; they are saved later");
            self.outcome.locked.extend(locked);
            rows.retain(|row| !locked.contains(&row.owner()));
        }
        rows
    }

    /// Takes up rows that were not written, if the reason is the content of one of them, or a lock:
    /// in halves, or in one `whole` if those that are locked were left out.
    pub(super) fn refused(
        &mut self,
        rows: Vec<SqlRow>,
        error: Error,
        whole: bool,
    ) -> Result<(), Error> {
        match &error {
            Error::Sql(sql) if is_about_a_row(sql) => self.reject(rows, sql),
            Error::Sql(sql) if is_about_a_lock(sql) && whole => {
                self.parts.extend((!rows.is_empty()).then_some(rows));
            }
            Error::Sql(sql) if is_about_a_lock(sql) => self.go_around(rows),
            _ => return Err(error),
        }
        Ok(())
    }

    /// Halves rows that SQL refused for the content of one of them; rejects a single row.
    fn reject(&mut self, mut rows: Vec<SqlRow>, error: &DbErr) {
        if rows.len() > 1 {
            let half = rows.split_off(rows.len() / 2);
            self.parts.extend([half, rows]);
        } else {
            self.outcome
                .rejected
                .extend(rows.into_iter().map(|row| Rejected {
                    row,
                    error: error.to_string(),
                }));
        }
    }

    /// Halves the owners of rows of which some are locked; leaves a single owner for later.
    fn go_around(&mut self, rows: Vec<SqlRow>) {
        let owners: BTreeSet<Owner> = rows.iter().map(SqlRow::owner).collect();
        match owners.iter().nth(owners.len() / 2) {
            Some(middle) if owners.len() > 1 => {
                let (first, second) = rows.into_iter().partition(|row| row.owner() < *middle);
                self.parts.extend([second, first]);
            }
            _ => drop(self.leave_out(rows, &owners.into_iter().collect())),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::ops::Range;

    use model::ChatId;

    use super::*;
    use crate::{
        commit::refusal::tests::{bad_row, outage},
        row::tests::message,
    };

    pub(crate) fn messages(ids: Range<i64>) -> Vec<SqlRow> {
        let chat = ChatId::new();
        ids.map(|id| message(chat, id, "a")).collect()
    }

    pub(crate) fn id(row: &SqlRow) -> i64 {
        match row {
            SqlRow::Message(row) => row.message.id.0,
            _ => panic!("only messages here"),
        }
    }

    #[test]
    fn bad_rows_are_found_by_halving_and_the_rest_is_written_once_in_order() {
        for bad in [
            vec![],
            vec![0],
            vec![99],
            vec![17, 18, 64],
            (0..100).collect(),
        ] {
            let mut search = Search::of(messages(0..100));
            let (mut written, mut tries) = (Vec::new(), 0);
            while let Some(rows) = search.next() {
                tries += 1;
                if rows.iter().any(|row| bad.contains(&id(row))) {
                    search
                        .refused(rows, bad_row().into(), false)
                        .expect("no outage");
                } else {
                    written.extend(rows.iter().map(id));
                }
            }
            let rejected: Vec<_> = search
                .outcome
                .rejected
                .iter()
                .map(|one| id(&one.row))
                .collect();
            assert_eq!(rejected, bad);
            let good: Vec<_> = (0..100).filter(|id| !bad.contains(id)).collect();
            assert_eq!(written, good);
            // Each bad row costs at most two tries at each of the 7 levels of halves.
            assert!(tries <= 1 + 14 * bad.len(), "{tries} tries for {bad:?}");
        }
        assert!(Search::of(Vec::new()).next().is_none());
    }

    #[test]
    fn only_those_whose_rows_are_locked_are_left_for_later() {
        let all: Vec<Vec<SqlRow>> = (0..100).map(|_| messages(0..5)).collect();
        let owner = |at: usize| all[at][0].owner();
        for locked in [vec![], vec![0], vec![99, 17], (0..100).collect()] {
            let locked: HashSet<Owner> = locked.into_iter().map(owner).collect();
            let mut search = Search::of(all.concat());
            let (mut written, mut tries) = (0, 0);
            while let Some(rows) = search.next() {
                tries += 1;
                if rows.iter().any(|row| locked.contains(&row.owner())) {
                    search.go_around(rows);
                } else {
                    written += rows.len();
                }
            }
            assert_eq!(search.outcome.locked, locked);
            assert_eq!(written, 5 * (100 - locked.len()));
            assert!(tries <= 1 + 14 * locked.len(), "{tries} tries");
        }
    }

    #[test]
    fn an_outage_ends_the_search_at_once() {
        let mut search = Search::of(messages(0..8));
        let rows = search.next().expect("rows");
        search
            .refused(rows, bad_row().into(), false)
            .expect("no outage");
        let rows = search.next().expect("a half");
        assert_eq!(rows.len(), 4);
        search
            .refused(rows, outage().into(), false)
            .expect_err("an outage");
        assert!(!is_about_a_row(&outage()) && search.outcome.rejected.is_empty());
    }
}
