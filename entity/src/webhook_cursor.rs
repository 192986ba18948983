//! Table `webhook_cursors`: how far a webhook has been told of a chat, clustered by
//! `(chat_id, webhook_id)`.
//!
//! All of it is about *keys* of the chat's clock: that of a new message is its id, and that of a
//! later change of a message its rev.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{ChatId, Tick, WebhookId};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

/// The time at which a cursor is due that has nothing to tell.
pub const IDLE: i64 = i64::MAX;
/// The time at which a cursor is due that was given up, until an operator has it tried again.
pub const PARKED: i64 = i64::MAX - 1;
/// The value of `low` when nothing was saved since the cursor was read.
pub const NOTHING: i64 = i64::MAX;

/// A cursor.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "webhook_cursors")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub chat_id: Uuid,
    #[sea_orm(primary_key, auto_increment = false)]
    pub webhook_id: Uuid,
    /// The last key that the receiver has taken.
    pub position: i64,
    /// The lowest key that was saved since the cursor was read last, or [`NOTHING`]. A row that is
    /// saved late has one below `position`.
    pub low: i64,
    /// The time in microseconds at which it may be claimed: the end of a claim, that of a pause
    /// after a failure, or [`IDLE`], or [`PARKED`].
    pub due: i64,
    /// The number of the claim under which it is being told, or 0.
    pub claim: i64,
    /// The time of the first of the failures in a row, or 0.
    pub failing_since: i64,
    /// The number of failures in a row.
    pub failures: i64,
    /// The reason of the last failure, or empty.
    pub failure: String,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a cursor that has told nothing up to `from`, and is due: the lowest key that
/// was saved is `low`.
pub fn to_row(chat: ChatId, webhook: WebhookId, from: Tick, low: Tick, due: Tick) -> ActiveModel {
    ActiveModel {
        chat_id: Set(chat.0),
        webhook_id: Set(webhook.0),
        position: Set(from.0),
        low: Set(low.0),
        due: Set(due.0),
        claim: Set(0),
        failing_since: Set(0),
        failures: Set(0),
        failure: Set(String::new()),
    }
}

impl Model {
    /// Returns the last key that needs not be told again.
    pub fn told(&self) -> i64 {
        self.position.min(self.low - 1)
    }
}

#[cfg(test)]
mod tests {
    use sea_orm::TryIntoModel;

    use super::*;

    #[test]
    fn what_is_saved_late_is_told_although_the_cursor_is_past_it() {
        let row = to_row(ChatId::new(), WebhookId::new(), Tick(9), Tick(4), Tick(1));
        let mut row = row.try_into_model().expect("every column is set");
        assert_eq!(row.told(), 3);
        row.low = NOTHING;
        assert_eq!(row.told(), 9);
    }
}
