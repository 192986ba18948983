//! The log of what was refused: failed logins, wrong passwords, what an account may not do, and
//! what it did too often. Each line has the account and the address, for those who watch it and for
//! programs that lock addresses out.

use std::{
    fmt::Display,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use model::ProblemCode;

use crate::response::problem::Problem;

/// The lines that may be written within [`PERIOD`]: whoever is refused often must not fill a disk.
const MOST: u32 = 100;
const PERIOD: Duration = Duration::from_secs(1);

/// Logs a problem that is a refusal, unless there were too many.
pub(crate) fn report(problem: &Problem, account: Option<impl Display>, address: &str) {
    if !is_refusal(problem) {
        return;
    }
    let account = account.map_or_else(|| "none".to_owned(), |account| account.to_string());
    note(problem.code(), &account, address);
}

/// Logs a refusal, unless there were too many.
pub(crate) fn note(code: ProblemCode, account: &str, address: &str) {
    static LINES: Mutex<Option<Lines>> = Mutex::new(None);
    let now = Instant::now();
    let mut lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    match lines.get_or_insert_with(|| Lines::new(now)).next(now) {
        Line::Written => tracing::warn!(
            %code,
            account,
            address,
            "refused"
        ),
        Line::After(missing) => tracing::warn!(
            %code,
            account,
            address,
            missing,
            "refused; others were before, too many to be logged"
        ),
        Line::Missing => {}
    }
}

/// True for a problem that those who run the server want to know of. A visitor without a session is
/// none.
fn is_refusal(problem: &Problem) -> bool {
    match problem.code() {
        // A page that was asleep has a token that has expired.
        ProblemCode::Unauthorized | ProblemCode::TokenExpired => false,
        ProblemCode::Invalid => problem.has_wrong_password(),
        code => matches!(code.status(), 401 | 403 | 429),
    }
}

/// The lines of the present period.
struct Lines {
    since: Instant,
    count: u32,
}

/// The fate of a line.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    /// It is written.
    Written,
    /// It is written, the first after so many that are missing.
    After(u32),
    /// It is not written.
    Missing,
}

impl Lines {
    fn new(now: Instant) -> Self {
        Self {
            since: now,
            count: 0,
        }
    }

    fn next(&mut self, now: Instant) -> Line {
        let missing = self.count.saturating_sub(MOST);
        let is_over = now.duration_since(self.since) >= PERIOD;
        if is_over {
            *self = Self::new(now);
        }
        self.count += 1;
        match (is_over && missing > 0, self.count > MOST) {
            (true, _) => Line::After(missing),
            (false, true) => Line::Missing,
            (false, false) => Line::Written,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_of_refusals_is_bounded_and_says_what_is_missing() {
        let start = Instant::now();
        let mut lines = Lines::new(start);
        for _ in 0..MOST {
            assert_eq!(lines.next(start), Line::Written);
        }
        for _ in 0..7 {
            assert_eq!(lines.next(start), Line::Missing);
        }
        assert_eq!(lines.next(start + PERIOD), Line::After(7));
        assert_eq!(lines.next(start + PERIOD), Line::Written);
        assert_eq!(lines.next(start + 3 * PERIOD), Line::Written);
    }

    #[test]
    fn a_visitor_without_a_session_is_no_refusal() {
        let refused = |code| is_refusal(&Problem::new(code, "x"));
        for code in [
            ProblemCode::WrongLogin,
            ProblemCode::RoleTooLow,
            ProblemCode::RateLimited,
            ProblemCode::OriginNotAllowed,
        ] {
            assert!(refused(code), "{code}");
        }
        for code in [
            ProblemCode::Unauthorized,
            ProblemCode::TokenExpired,
            ProblemCode::NotFound,
            ProblemCode::Invalid,
        ] {
            assert!(!refused(code), "{code}");
        }
    }
}
