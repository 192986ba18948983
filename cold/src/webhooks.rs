//! How far webhooks have been told, and the rows that they are kept in.

use entity::{
    private_row,
    webhook_cursor::{self, PARKED},
};
use model::{ChatId, PrivateKey, Tick, UserId, WebhookId};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use crate::{Cold, Result};

/// A chat of which a webhook is told no more until an operator says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParkedChat {
    /// The chat.
    pub chat: ChatId,
    /// The last tick of the chat's clock that the receiver has been told of.
    pub told: Tick,
    /// The time of the first failure.
    pub since: Tick,
    /// The number of failures.
    pub failures: i64,
    /// The reason of the last one.
    pub failure: String,
}

impl Cold {
    /// Returns the value of a private row; `None` when SQL has none.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn private_value(&self, user: UserId, key: PrivateKey) -> Result<Option<String>> {
        let (kind, target) = private_row::place(key);
        let place = (user.0, kind.to_owned(), target);
        let row = private_row::Entity::find_by_id(place).one(&self.db).await?;
        Ok(row.map(|row| row.value))
    }

    /// Returns up to `limit` of the chats that are parked for a webhook after this one, by id.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn parked_chats(
        &self,
        webhook: WebhookId,
        after: ChatId,
        limit: u64,
    ) -> Result<Vec<ParkedChat>> {
        use webhook_cursor::Column::{ChatId as Chat, Due, WebhookId as Webhook};
        let rows = webhook_cursor::Entity::find()
            .filter(Webhook.eq(webhook.0))
            .filter(Due.eq(PARKED))
            .filter(Chat.gt(after.0))
            .order_by_asc(Chat)
            .limit(limit)
            .all(&self.db)
            .await?;
        let parked = rows.into_iter().map(|row| ParkedChat {
            chat: ChatId(row.chat_id),
            told: Tick(row.told()),
            since: Tick(row.failing_since),
            failures: row.failures,
            failure: row.failure,
        });
        Ok(parked.collect())
    }

    /// Returns how far each webhook has been told of a chat, for `carrier verify`.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn webhook_cursors(&self, chat: ChatId) -> Result<Vec<webhook_cursor::Model>> {
        webhook_cursor::Entity::find()
            .filter(webhook_cursor::Column::ChatId.eq(chat.0))
            .all(&self.db)
            .await
    }
}
