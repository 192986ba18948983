//! The budget of cost of each account: what its requests and commands, and all that follows from
//! them, cost Redis and SQL. It is charged with the round trip that checks the session of a later
//! request, so a request pays for those before it.

use std::{sync::Arc, time::Duration};

use model::{Partition, Session};
use store::{Meter, Rate, RateVerdict, SessionState};

use crate::{
    bounds::debts::{Debt, WORTH},
    request::rate_limits::LimitedAction,
    response::problem::Problem,
    state::State,
};

/// The name of the limit, in problems.
pub(crate) const NAME: &str = "cost";

/// A session that was let in, and the limit that was counted, if there was one.
pub(crate) struct Admitted {
    pub(crate) session: Arc<Session>,
    pub(crate) limit: Option<(Rate, RateVerdict)>,
}

/// Checks the session whose token has this hash, and counts an action against its limit, if there
/// is one; where the session is known to be good, and owes little, without Redis. From then on the
/// present task's work counts for the session.
///
/// # Errors
/// 401 for a session that is not good, 429 when nothing is left of the budget.
pub(crate) async fn admit(
    state: &State,
    partition: Partition,
    hash: &str,
    limit: Option<(&'static str, Rate)>,
) -> Result<Admitted, Problem> {
    let debt = debt_of(state, hash)?;
    let owes_little = match &debt {
        Some(debt) => debt.meter.units() < WORTH,
        None => state.config.limit_cost.rate().is_none(),
    };
    if owes_little && let Some(known) = state.store.admit_known(hash, limit) {
        return Ok(let_in(known, limit, debt));
    }
    admit_by_redis(state, partition, hash, limit).await
}

/// Checks a session in Redis as [`admit`] does, and charges what it owes to the budget of its
/// account with the same round trip.
///
/// # Errors
/// 401 for a session that is not good, 429 when nothing is left of the budget.
pub(crate) async fn admit_by_redis(
    state: &State,
    partition: Partition,
    hash: &str,
    limit: Option<(&'static str, Rate)>,
) -> Result<Admitted, Problem> {
    let budget = state.config.limit_cost.rate();
    let debt = debt_of(state, hash)?;
    let owes = |debt: &Debt| limit.is_some() || debt.meter.units() >= WORTH;
    let owed = debt
        .as_ref()
        .filter(|debt| owes(debt))
        .map(|debt| debt.meter.take());
    let store = &state.store;
    let known = store
        .admit(partition, hash, limit, budget.zip(owed))
        .await?;
    let debt = budget.map(|_| debt.unwrap_or_else(|| state.debts.enter(hash)));
    let verdict = known.budget.filter(|verdict| !verdict.is_allowed());
    if let Some((debt, verdict)) = debt.as_ref().zip(verdict) {
        debt.refuse(Duration::from_secs(verdict.seconds.into()));
        return Err(used_up(verdict.seconds));
    }
    Ok(let_in(known, limit, debt))
}

/// Lets a session in: what the present task does counts as its debt.
fn let_in(
    known: SessionState,
    limit: Option<(&'static str, Rate)>,
    debt: Option<Debt>,
) -> Admitted {
    if let Some(debt) = debt {
        Meter::bind_current(&debt.meter);
    }
    Admitted {
        session: known.session,
        limit: limit.map(|(_, rate)| rate).zip(known.verdict),
    }
}

/// Does some work at the cost of the account of a session that is good, whose token has this hash.
pub(crate) async fn at_cost_of<F: Future>(state: &State, hash: &str, work: F) -> F::Output {
    match state.config.limit_cost.rate() {
        Some(_) => state.debts.enter(hash).meter.measure(work).await,
        None => work.await,
    }
}

/// Returns the limit of an action as [`admit`] takes it.
pub(crate) fn limit_of<A: LimitedAction>(state: &State) -> Option<(&'static str, Rate)> {
    A::limit(&state.config).rate().map(|rate| (A::NAME, rate))
}

/// Returns what a session owes, if it has a budget and has run up a debt.
///
/// # Errors
/// 429 while nothing is left of the budget.
fn debt_of(state: &State, hash: &str) -> Result<Option<Debt>, Problem> {
    let budget = state.config.limit_cost.rate();
    let debt = budget.and_then(|_| state.debts.find(hash));
    match debt.as_ref().and_then(Debt::seconds) {
        Some(seconds) => Err(used_up(seconds)),
        None => Ok(debt),
    }
}

fn used_up(seconds: u32) -> Problem {
    let detail = format!(
        "The limit {NAME:?} is used up: what you did of late, as in large groups, took the server \
         a lot of work. Try again in {seconds} s."
    );
    Problem::rate_limited(detail, seconds)
}
