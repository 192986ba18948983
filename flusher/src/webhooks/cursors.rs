//! The cursors in SQL: claims, progress, pauses. Each statement names a chat but those that look
//! for what is due, parked, or left behind.
//!
//! Each write compares: a flusher that slept changes nothing under a claim that another has made
//! since, and nothing is lost that was saved after it had read the cursor.

use std::time::Duration;

use entity::webhook_cursor::{
    Column::{
        ChatId as Chat, Claim as Claimed, Due, FailingSince, Failure as Reason, Failures, Low,
        Position, WebhookId as Hook,
    },
    Entity, IDLE, Model, NOTHING, PARKED,
};
use model::{ChatId, Tick, WebhookId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, UpdateMany,
    prelude::Uuid, sea_query::ExprTrait,
};

use crate::{
    Error,
    commit::{is_about_a_lock, within},
    sql::Sql,
};

/// The most cursors that one statement changes.
const PIECE: u64 = 500;
/// The number of times that a lock is waited for, each as long as SQL waits.
const LOCKED: u32 = 5;
/// The most bytes of the reason of a failure.
const MAX_REASON: usize = 250;

/// The right to tell a receiver of a chat, for as long as a lease.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    pub(super) chat: ChatId,
    pub(super) webhook: WebhookId,
    /// The last key that needs not be told.
    pub(super) told: i64,
    number: i64,
}

/// The step after some was told.
#[derive(Clone, Debug)]
pub(super) enum Next {
    /// More is told under the same claim, for as long as this from now on.
    Go(Duration),
    /// Nothing is left that was there: the cursor rests unless more was saved.
    Rest,
    /// Another turn begins at once.
    Again,
    /// The receiver has not taken the next one.
    Failed {
        /// The reason.
        reason: String,
        /// True when it took others before, in this turn.
        progressed: bool,
        /// The time after which it is given up.
        retry_for: Duration,
    },
}

/// The state of a cursor after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The last key that needs not be told.
    At(i64),
    /// The cursor was given up.
    Parked,
    /// The claim has ended, or the cursor is gone.
    Lost,
}

/// Returns up to `limit` cursors of a webhook that are due, those that wait longest first.
pub(super) async fn find_due(sql: &Sql, id: WebhookId, limit: u64) -> Result<Vec<Model>, Error> {
    let found = async {
        let query = Entity::find()
            .filter(Hook.eq(id.0))
            .filter(Due.lte(Tick::now().0))
            .order_by_asc(Due)
            .limit(limit);
        query.all(&sql.pool().await?).await
    };
    within(sql, found).await
}

/// Claims a cursor as it was found, for as long as `lease`; `None` when it has changed since.
pub(super) async fn claim(
    sql: &Sql,
    found: &Model,
    from: Tick,
    lease: Duration,
) -> Result<Option<Claim>, Error> {
    let claim = Claim {
        chat: ChatId(found.chat_id),
        webhook: WebhookId(found.webhook_id),
        told: Ord::max(found.told(), from.0),
        number: fastrand::i64(1..i64::MAX),
    };
    let claiming = at(claim)
        .col_expr(Claimed, claim.number.into())
        .col_expr(Due, Tick::now().later(lease).0.into())
        .col_expr(Position, claim.told.into())
        .col_expr(Low, NOTHING.into())
        .filter(Claimed.eq(found.claim))
        .filter(Due.eq(found.due))
        .filter(Position.eq(found.position))
        .filter(Low.eq(found.low));
    Ok(run(sql, claiming).await?.then_some(claim))
}

/// Notes that all up to a key was told under a claim, and what comes next.
pub(super) async fn advance(
    sql: &Sql,
    claim: Claim,
    told: i64,
    next: &Next,
) -> Result<Step, Error> {
    loop {
        let found = async {
            let key = (claim.chat.0, claim.webhook.0);
            Entity::find_by_id(key).one(&sql.pool().await?).await
        };
        let found = within(sql, found).await?;
        let Some(row) = found.filter(|row| row.claim == claim.number) else {
            return Ok(Step::Lost);
        };
        let now = Tick::now();
        // What was saved late is told, and so is what comes after it, once more.
        let told = Ord::min(told, row.low - 1);
        let mut update = at(claim)
            .col_expr(Position, told.into())
            .col_expr(Low, NOTHING.into())
            .filter(Claimed.eq(claim.number))
            .filter(Low.eq(row.low));
        let free = |update: UpdateMany<Entity>, due: i64| {
            let update = update.col_expr(Due, due.into());
            update.col_expr(Claimed, 0_i64.into())
        };
        let mut step = Step::At(told);
        update = match next {
            Next::Go(lease) => well(update.col_expr(Due, now.later(*lease).0.into())),
            Next::Rest if row.low == NOTHING => well(free(update, IDLE)),
            Next::Rest | Next::Again => well(free(update, now.0)),
            Next::Failed {
                reason,
                progressed,
                retry_for,
            } => {
                let is_first = *progressed || row.failing_since == 0;
                let (since, before) = match is_first {
                    true => (now, 0),
                    false => (Tick(row.failing_since), row.failures),
                };
                let failures = before.saturating_add(1);
                let due = match now >= since.later(*retry_for) {
                    true => PARKED,
                    false => now.later(pause(failures)).0,
                };
                if due == PARKED {
                    step = Step::Parked;
                }
                free(update, due)
                    .col_expr(FailingSince, since.0.into())
                    .col_expr(Failures, failures.into())
                    .col_expr(Reason, cut(reason).into())
            }
        };
        if run(sql, update).await? {
            return Ok(step);
        }
    }
}

/// Has cursors of a webhook tried again that were given up after a failure before `before`.
pub(super) async fn unpark(sql: &Sql, id: WebhookId, before: Tick) -> Result<(), Error> {
    loop {
        let parked = Due.eq(PARKED).and(FailingSince.lt(before.0));
        let chats = chats_of(sql, id, parked).await?;
        if chats.is_empty() {
            return Ok(());
        }
        let update = well(Entity::update_many())
            .col_expr(Due, Tick::now().0.into())
            .filter(Chat.is_in(chats))
            .filter(Hook.eq(id.0))
            .filter(Due.eq(PARKED));
        run(sql, update).await?;
    }
}

/// Returns the webhooks that have cursors, by a look in the index for each of them.
pub(super) async fn with_cursors(sql: &Sql) -> Result<Vec<WebhookId>, Error> {
    let (mut all, mut last) = (Vec::new(), WebhookId::LOWEST);
    loop {
        let next = async {
            let query = Entity::find().select_only().column(Hook);
            let query = query.filter(Hook.gt(last.0)).order_by_asc(Hook).limit(1);
            query.into_tuple().one(&sql.pool().await?).await
        };
        let next: Option<Uuid> = within(sql, next).await?;
        let Some(next) = next else {
            return Ok(all);
        };
        last = WebhookId(next);
        all.push(last);
    }
}

/// Deletes the cursors of a webhook that is no more.
pub(super) async fn forget(sql: &Sql, id: WebhookId) -> Result<(), Error> {
    loop {
        let chats = chats_of(sql, id, Condition::all()).await?;
        if chats.is_empty() {
            return Ok(());
        }
        let deleted = async {
            Entity::delete_many()
                .filter(Chat.is_in(chats))
                .filter(Hook.eq(id.0))
                .exec(&sql.pool().await?)
                .await
        };
        within(sql, deleted).await?;
    }
}

async fn chats_of(
    sql: &Sql,
    id: WebhookId,
    which: impl sea_orm::sea_query::IntoCondition,
) -> Result<Vec<Uuid>, Error> {
    let found = async {
        let query = Entity::find().select_only().column(Chat);
        let query = query.filter(Hook.eq(id.0)).filter(which).limit(PIECE);
        query.into_tuple().all(&sql.pool().await?).await
    };
    within(sql, found).await
}

/// Returns an update of the cursor of a claim.
fn at(claim: Claim) -> UpdateMany<Entity> {
    Entity::update_many()
        .filter(Chat.eq(claim.chat.0))
        .filter(Hook.eq(claim.webhook.0))
}

/// Returns the update with no failure in it.
fn well(update: UpdateMany<Entity>) -> UpdateMany<Entity> {
    update
        .col_expr(FailingSince, 0_i64.into())
        .col_expr(Failures, 0_i64.into())
        .col_expr(Reason, String::new().into())
}

/// Makes an update; true when there was a row for it. A commit may have locked the row for a while.
async fn run(sql: &Sql, update: UpdateMany<Entity>) -> Result<bool, Error> {
    let mut waited = 0;
    loop {
        let update = update.clone();
        let updated = async { update.exec(&sql.pool().await?).await };
        match within(sql, updated).await {
            Err(Error::Sql(error)) if is_about_a_lock(&error) && waited < LOCKED => waited += 1,
            updated => return Ok(updated?.rows_affected > 0),
        }
    }
}

/// Returns the pause after so many failures in a row: a second, doubled with each up to an hour,
/// and up to half as much again, so that not all come back at once.
fn pause(failures: i64) -> Duration {
    let doublings = failures.saturating_sub(1).clamp(0, 12);
    let base = Ord::min(1_u64 << doublings, 3600) * 1000;
    Duration::from_millis(base + fastrand::u64(..=base / 2))
}

fn cut(reason: &str) -> String {
    let mut end = reason.len().min(MAX_REASON);
    while !reason.is_char_boundary(end) {
        end -= 1;
    }
    reason[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_doubles_up_to_an_hour_and_half_as_much_again() {
        for (failures, base) in [(1, 1), (2, 2), (5, 16), (13, 3600), (i64::MAX, 3600)] {
            for _ in 0..100 {
                let wait = pause(failures).as_millis();
                let (least, most) = (base * 1000, base * 1500);
                assert!((least..=most).contains(&wait), "{wait} after {failures}");
            }
        }
    }

    #[test]
    fn a_reason_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let long = "é".repeat(200);
        assert_eq!(cut(&long), "é".repeat(MAX_REASON / 2));
    }
}
