//! The whole content of SQL, in pages: for `carrier verify`.

use entity::{chat, message, user};
use model::{ChatId, Name, NameKind, Tick, UserId};
use sea_orm::{
    ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, prelude::Uuid,
    sea_query::ExprTrait,
};

use crate::{Cold, Result};

/// A message without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The message's id.
    pub id: Tick,
    /// The message's ordinal in its chat, from 1.
    pub seq: i64,
    /// The tick of its last change.
    pub rev: Tick,
    /// True when it counts as unread: a text, not a system message.
    pub is_text: bool,
}

impl Cold {
    /// Returns the first `limit` chats after `after`, by id.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn chat_ids(&self, after: Option<ChatId>, limit: u64) -> Result<Vec<ChatId>> {
        let mut query = chat::Entity::find().select_only().column(chat::Column::Id);
        if let Some(after) = after {
            query = query.filter(chat::Column::Id.gt(after.0));
        }
        let ids: Vec<Uuid> = query
            .order_by_asc(chat::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(ids.into_iter().map(ChatId).collect())
    }

    /// Returns the first `limit` users after `after`, by id.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn user_ids(&self, after: Option<UserId>, limit: u64) -> Result<Vec<UserId>> {
        let mut query = user::Entity::find().select_only().column(user::Column::Id);
        if let Some(after) = after {
            query = query.filter(user::Column::Id.gt(after.0));
        }
        let ids: Vec<Uuid> = query
            .order_by_asc(user::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// Returns the first `limit` messages of a chat after `after`, by id.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn message_heads(&self, chat: ChatId, after: Tick, limit: u64) -> Result<Vec<Head>> {
        use message::Column::{ChatId as Chat, Id, Kind, Rev, Seq};
        let rows: Vec<(i64, i64, i64, String)> = message::Entity::find()
            .select_only()
            .columns([Id, Seq, Rev, Kind])
            .filter(Chat.eq(chat.0))
            .filter(Id.gt(after.0))
            .order_by_asc(Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(id, seq, rev, kind)| Head {
                id: Tick(id),
                seq,
                rev: Tick(rev),
                is_text: kind == "text",
            })
            .collect())
    }

    /// Returns the names that more than one saved row has.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn shared_names(&self, kind: NameKind) -> Result<Vec<Name>> {
        let column = match kind {
            NameKind::Username => user::Column::UsernameFolded,
            NameKind::Email => user::Column::EmailFolded,
            NameKind::External => user::Column::ExternalId,
        };
        let names: Vec<String> = user::Entity::find()
            .select_only()
            .column(column)
            .filter(column.ne(""))
            .group_by(column)
            .having(ExprTrait::gt(user::Column::Id.count(), 1))
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(names
            .into_iter()
            .map(|folded| Name { kind, folded })
            .collect())
    }
}
