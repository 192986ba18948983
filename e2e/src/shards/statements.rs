//! The statements of a test, each judged as it is made.

use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError},
    thread,
};

use sea_orm::Statement;

use super::{Exception, breaches, exceptions::said};

/// The statements of a test. The test fails when this is dropped, if one of them is wrong.
#[derive(Default)]
pub struct Statements(Arc<Mutex<Made>>);

#[derive(Default)]
struct Made {
    wrong: BTreeSet<String>,
    excepted: BTreeSet<&'static str>,
    count: usize,
}

/// The rule's word on a statement.
#[derive(Clone)]
enum Verdict {
    Right,
    Excepted(&'static Exception),
    Wrong(String),
}

impl Statements {
    /// Returns a function to call with each statement.
    pub fn judge(&self) -> impl Fn(&Statement) + Send + Sync + use<> {
        let made = Arc::clone(&self.0);
        move |statement| {
            let verdict = verdict(statement);
            let mut made = lock(&made);
            made.count += 1;
            match verdict {
                Verdict::Right => {}
                Verdict::Excepted(exception) => {
                    made.excepted.insert(exception.statement);
                }
                Verdict::Wrong(why) => {
                    made.wrong.insert(why);
                }
            }
        }
    }

    /// Returns how many were made.
    pub fn made(&self) -> usize {
        lock(&self.0).count
    }

    /// Returns the exceptions that were made.
    pub fn excepted(&self) -> BTreeSet<&'static str> {
        lock(&self.0).excepted.clone()
    }
}

impl Drop for Statements {
    fn drop(&mut self) {
        let wrong: Vec<_> = lock(&self.0).wrong.iter().cloned().collect();
        let why = format!("docs/scale.md has no exception for\n{}", wrong.join("\n"));
        match wrong.is_empty() {
            true => {}
            // A second panic would end the process, and all other tests.
            false if thread::panicking() => eprintln!("{why}"),
            false => panic!("{why}"),
        }
    }
}

/// Judges a statement, or remembers how it was judged before: there are some hundred of them.
fn verdict(statement: &Statement) -> Verdict {
    static KNOWN: LazyLock<Mutex<HashMap<String, Verdict>>> = LazyLock::new(Mutex::default);
    if let Some(known) = lock(&KNOWN).get(&statement.sql) {
        return known.clone();
    }
    let breaches = breaches(statement.db_backend, &statement.sql);
    let verdict = match Exception::find(&statement.sql, &breaches) {
        _ if breaches.is_empty() => Verdict::Right,
        Some(exception) => Verdict::Excepted(exception),
        None => Verdict::Wrong(format!("{}: {}", said(&breaches), statement.sql)),
    };
    lock(&KNOWN).insert(statement.sql.clone(), verdict.clone());
    verdict
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use sea_orm::DbBackend;

    use super::*;

    fn made(sql: &[&str]) -> Statements {
        let statements = Statements::default();
        let judge = statements.judge();
        for sql in sql {
            judge(&Statement::from_string(DbBackend::MySql, *sql));
        }
        statements
    }

    #[test]
    fn what_is_right_and_what_is_excepted_passes() {
        let of_user = "SELECT `members`.`rev` FROM `members` WHERE `members`.`user_id` = ?";
        let statements = made(&["SELECT rev FROM members WHERE chat_id = ?", of_user]);
        assert_eq!(statements.excepted().len(), 1);
    }

    #[test]
    #[should_panic = "messages without chat_id"]
    fn a_wrong_statement_fails_the_test_that_made_it() {
        made(&["SELECT body FROM messages WHERE id = ?"]);
    }
}
