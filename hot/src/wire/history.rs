//! The history of Redis: its process, and where that went on from when it was promoted last. A
//! script tells it from a long text that Redis writes for it, so it is known for a moment.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

use super::Hot;

/// The time for which it is known: nobody promotes another Redis, and few start one again, in so
/// little; and whoever is answered by another has lost the connection before.
const KNOWN_FOR: Duration = Duration::from_millis(250);

/// The history of Redis as a script has lately told it.
#[derive(Default)]
pub(crate) struct History(Mutex<Option<(Asked, String)>>);

/// The moment of a question, and the number of times by then that there was reason to doubt Redis.
/// Nothing is known of a cluster, whose nodes have a history each.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked(Option<(Instant, u64)>);

impl History {
    /// Returns the moment of a question.
    pub(crate) fn ask(&self, hot: &Hot) -> Asked {
        let is_one = !hot.is_cluster();
        Asked(is_one.then(|| (Instant::now(), hot.fence.asked())))
    }

    /// Returns the history, if it was told a moment before.
    pub(crate) fn known(&self, asked: Asked) -> Option<String> {
        let (now, doubts) = asked.0?;
        let told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (Asked(Some((then, before))), history) = told.as_ref()? else {
            return None;
        };
        let holds = *before == doubts && now.duration_since(*then) < KNOWN_FOR;
        holds.then(|| history.clone())
    }

    /// Notes a history, unless it is empty, that was told after a question.
    pub(crate) fn learn(&self, asked: Asked, history: String) {
        if asked.0.is_some() && !history.is_empty() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((asked, history));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_is_known_for_a_moment_and_while_nobody_doubts() {
        let (history, of) = (History::default(), |doubts| {
            Asked(Some((Instant::now(), doubts)))
        });
        assert_eq!(history.known(of(1)), None);
        history.learn(of(1), "a".into());
        history.learn(of(1), String::new());
        assert_eq!(history.known(of(1)).as_deref(), Some("a"));
        assert_eq!(history.known(of(2)), None, "there is reason to doubt");
        assert_eq!(history.known(Asked(None)), None, "a cluster has several");
        tokio::time::advance(KNOWN_FOR).await;
        assert_eq!(history.known(of(1)), None, "that was a while ago");
    }
}
