//! The health of a process and of what it depends on, as its probes tell it.

use std::time::Duration;

use cold::Cold;
use hot::{Hot, Progress, ServerWatch};
use serde_json::{Value, json};

use super::{MAX_LAG, SavingWatch};

/// The time that a store has to answer a probe.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The state of both stores, and of saving.
#[derive(Clone, Debug)]
pub struct Health {
    /// True when Redis answers.
    pub redis: bool,
    /// True when SQL answers.
    pub sql: bool,
    /// The progress of saving; `None` when Redis does not tell it in time.
    pub saving: Option<Progress>,
    /// The settings of Redis that are not as they should be.
    pub problems: Vec<&'static str>,
}

impl Health {
    /// Asks both stores.
    pub(crate) async fn ask(
        hot: &Hot,
        cold: &Cold,
        server: &ServerWatch,
        saving: &SavingWatch,
    ) -> Self {
        let (redis, sql, saving) = tokio::join!(
            tokio::time::timeout(TIMEOUT, hot.ping()),
            tokio::time::timeout(TIMEOUT, cold.ping()),
            tokio::time::timeout(TIMEOUT, saving.progress(hot)),
        );
        let checks = server.facts().checks().into_iter();
        Self {
            redis: matches!(redis, Ok(Ok(()))),
            sql: matches!(sql, Ok(Ok(()))),
            saving: saving.ok().and_then(Result::ok),
            problems: checks
                .filter(|check| !check.good)
                .map(|check| check.name)
                .collect(),
        }
    }

    /// True when a change has waited to be saved for longer than [`MAX_LAG`].
    pub fn is_behind(&self) -> bool {
        self.saving.is_some_and(|progress| progress.lag > MAX_LAG)
    }

    /// Returns the JSON of a probe, without the status.
    pub fn to_json(&self) -> Value {
        let saving = self.saving.map(|progress| {
            json!({
                "lag_seconds": progress.lag.as_secs(),
                "unsaved_rows": progress.unsaved_rows,
                "parked_rows": progress.parked_rows,
            })
        });
        json!({
            "redis": self.redis,
            "sql": self.sql,
            "saving": saving,
            "problems": self.problems,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn saving_is_behind_after_a_minute_and_not_for_parked_rows() {
        let health = |seconds, parked_rows| Health {
            redis: true,
            sql: true,
            saving: Some(Progress {
                lag: Duration::from_secs(seconds),
                unsaved_rows: 1,
                parked_rows,
            }),
            problems: Vec::new(),
        };
        assert!(!health(60, 7).is_behind());
        assert!(health(61, 0).is_behind());
        assert_eq!(
            health(61, 7).to_json()["saving"],
            json!({ "lag_seconds": 61, "unsaved_rows": 1, "parked_rows": 7 })
        );
        let unknown = Health {
            saving: None,
            ..health(0, 0)
        };
        assert!(!unknown.is_behind() && unknown.to_json()["saving"].is_null());
    }
}
