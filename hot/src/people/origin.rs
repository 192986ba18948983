//! The places from which somebody has logged in with a name: addresses and devices, as marks that
//! tell nobody else what they stand for.

use std::time::Duration;

use futures_util::future::try_join;
use model::Tick;

use crate::wire::{Hot, Result, arg, keys};

/// The life of the marks of a name after its last login.
const LIFE: Duration = Duration::from_secs(90 * 24 * 3600);
/// The most marks of a name: a few devices, and the networks that they move between.
const MOST: i64 = 32;

impl Hot {
    /// Returns which of these marks a name has.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer.
    pub async fn has_origins(&self, name: &str, marks: &[String]) -> Result<Vec<bool>> {
        let mut args = vec![arg(keys::origins(name))];
        args.extend(marks.iter().map(arg));
        let scores = self.command("ZMSCORE", args).await?.into_array();
        Ok(scores.iter().map(|score| !score.is_null()).collect())
    }

    /// Gives a name these marks, beside the newest that it has.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: some of it may have been done.
    /// `Error::Full` when Redis has no room: nothing was done.
    pub async fn note_origins(&self, name: &str, marks: &[String]) -> Result<()> {
        let (key, now) = (arg(keys::origins(name)), Tick::now().0 / 1000);
        let mut add = vec![key.clone()];
        add.extend(marks.iter().flat_map(|mark| [arg(now), arg(mark)]));
        self.command("ZADD", add).await?;
        let trim = vec![key.clone(), arg(0), arg(-MOST - 1)];
        let expire = vec![key, arg(LIFE.as_millis())];
        let both = try_join(
            self.command("ZREMRANGEBYRANK", trim),
            self.command("PEXPIRE", expire),
        );
        both.await.map(drop)
    }

    /// Takes all marks from a name.
    ///
    /// # Errors
    /// `Error::Unavailable` when Redis does not answer: it may have been done.
    pub async fn forget_origins(&self, name: &str) -> Result<()> {
        let key = vec![arg(keys::origins(name))];
        self.command("DEL", key).await.map(drop)
    }
}
