//! The account that a request turned out to be of: for the log of what was refused, and for what is
//! held on its behalf until its answer is made.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fair::Share;
use model::UserId;
use poem::Request;

use crate::{
    bounds::{answers::TooManyAnswers, turns::Turn},
    response::problem::Problem,
    state::State,
};

/// The account of a request, once it is known. It travels with the request, since a refusal is made
/// in many places.
#[derive(Clone, Default)]
pub(crate) struct Asker(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    account: Option<String>,
    /// The place among the requests of the account, if the request has a session.
    place: Option<Share>,
    turns: Vec<Turn>,
}

impl Asker {
    /// Returns the account, if it is known by now.
    pub(crate) fn account(&self) -> Option<String> {
        self.lock().account.clone()
    }

    /// Takes note of the account of a request: its id, or the name that was to be logged in to.
    pub(crate) fn note(request: &Request, account: impl ToString) {
        if let Some(asker) = request.data::<Self>() {
            asker.lock().account = Some(account.to_string());
        }
    }

    /// Takes note of the account whose session the request has, and takes a place among those of
    /// the account.
    ///
    /// # Errors
    /// 429 when the account has too many requests, or too many answers that it does not read.
    pub(crate) fn enter(request: &Request, user: UserId) -> Result<Self, Problem> {
        Self::note(request, user);
        let asker = request.data::<Self>().cloned().unwrap_or_default();
        let place = State::of(request).answers.admit(&user.to_string())?;
        asker.lock().place = Some(place);
        Ok(asker)
    }

    /// Keeps a turn until the answer is made, and counted.
    pub(crate) fn keep(&self, turn: Turn) {
        self.lock().turns.push(turn);
    }

    /// Ends the turns that were kept.
    pub(crate) fn end_turns(&self) {
        self.lock().turns.clear();
    }

    /// Returns the account and the place of a request with a session, whose answer takes them over.
    pub(crate) fn leave(&self) -> (Option<String>, Option<Share>) {
        let mut known = self.lock();
        let place = known.place.take();
        (known.account.clone().filter(|_| place.is_some()), place)
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<TooManyAnswers> for Problem {
    fn from(_: TooManyAnswers) -> Self {
        let detail = "Too many requests of yours are under way, or their answers are not read. \
                      Try again when they are done.";
        Self::rate_limited(detail, 5)
    }
}
