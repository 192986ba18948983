//! Chats, members and messages.

use std::collections::HashMap;

use entity::{attachment, chat, member, message, user};
use model::{Chat, ChatId, Member, Stored, Tick, UserId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, PaginatorTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{Cold, Result, rows};

/// A chat with its members.
#[derive(Clone, Debug)]
pub struct ColdChat {
    /// Its row.
    pub chat: Chat,
    /// All who are or were members.
    pub members: Vec<(UserId, Member)>,
}

impl Cold {
    /// A chat with its members.
    pub async fn chat(&self, id: ChatId) -> Result<Option<ColdChat>> {
        let Some(row) = chat::Entity::find_by_id(id.0).one(&self.db).await? else { return Ok(None) };
        let members = member::Entity::find().filter(member::Column::ChatId.eq(id.0)).all(&self.db).await?;
        let members = members.into_iter().map(rows::member).collect::<Result<_>>()?;
        Ok(Some(ColdChat { chat: rows::chat(row)?, members }))
    }

    /// When each of these chats last had a message; those that SQL has.
    pub async fn last_activity(&self, ids: &[ChatId]) -> Result<HashMap<ChatId, Tick>> {
        let mut found = HashMap::new();
        for some in ids.chunks(1000) {
            let rows: Vec<(sea_orm::prelude::Uuid, i64)> = chat::Entity::find()
                .select_only()
                .columns([chat::Column::Id, chat::Column::Last])
                .filter(chat::Column::Id.is_in(some.iter().map(|id| id.0)))
                .into_tuple()
                .all(&self.db)
                .await?;
            found.extend(rows.into_iter().map(|(id, last)| (ChatId(id), Tick(last))));
        }
        Ok(found)
    }

    /// The newest `limit` messages with an id below `before`, oldest first.
    pub async fn messages_before(&self, chat: ChatId, before: Tick, limit: u64) -> Result<Vec<Stored>> {
        let query = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Id.lt(before.0))
            .order_by_desc(message::Column::Id)
            .limit(limit);
        query.all(&self.db).await?.into_iter().rev().map(rows::message).collect()
    }

    /// The oldest `limit` messages with an id above `after` and below `before`, oldest first.
    pub async fn messages_between(&self, chat: ChatId, after: Tick, before: Tick, limit: u64) -> Result<Vec<Stored>> {
        let query = message::Entity::find().filter(between(chat, after, before)).order_by_asc(message::Column::Id).limit(limit);
        query.all(&self.db).await?.into_iter().map(rows::message).collect()
    }

    /// How many texts, less those deleted, have an id above `after` and below `before`.
    pub async fn count_texts(&self, chat: ChatId, after: Tick, before: Tick) -> Result<i64> {
        let texts = message::Entity::find()
            .filter(between(chat, after, before).add(message::Column::Kind.eq("text")).add(message::Column::Deleted.eq(false)));
        Ok(texts.count(&self.db).await? as i64)
    }

    /// Which of these chats, their members or messages have a rev above `since`.
    pub async fn changed_since(&self, ids: &[ChatId], since: Tick) -> Result<Vec<ChatId>> {
        let mut found: Vec<sea_orm::prelude::Uuid> = Vec::new();
        for some in ids.chunks(1000) {
            let among = || some.iter().map(|id| id.0);
            // Whatever happens to a message, the chat's own row tells of it.
            let chats = chat::Entity::find().select_only().column(chat::Column::Id);
            found.extend(
                chats
                    .filter(chat::Column::Id.is_in(among()))
                    .filter(chat::Column::Rev.gt(since.0))
                    .into_tuple::<sea_orm::prelude::Uuid>()
                    .all(&self.db)
                    .await?,
            );
            let members = member::Entity::find().select_only().column(member::Column::ChatId).distinct();
            found.extend(
                members
                    .filter(member::Column::ChatId.is_in(among()))
                    .filter(member::Column::Rev.gt(since.0))
                    .into_tuple::<sea_orm::prelude::Uuid>()
                    .all(&self.db)
                    .await?,
            );
        }
        found.sort();
        found.dedup();
        Ok(found.into_iter().map(ChatId).collect())
    }

    /// The first `limit` messages with a rev above `since`, by rev.
    pub async fn messages_changed(&self, chat: ChatId, since: Tick, limit: u64) -> Result<Vec<Stored>> {
        let query = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Rev.gt(since.0))
            .order_by_asc(message::Column::Rev)
            .limit(limit);
        query.all(&self.db).await?.into_iter().map(rows::message).collect()
    }

    /// One message.
    pub async fn message(&self, chat: ChatId, id: Tick) -> Result<Option<Stored>> {
        message::Entity::find_by_id((chat.0, id.0)).one(&self.db).await?.map(rows::message).transpose()
    }

    /// The newest messages of a chat, not deleted, to which a file is attached.
    pub async fn attached(&self, chat: ChatId, hash: &str, limit: u64) -> Result<Vec<Tick>> {
        let of_chat = attachment::Entity::find()
            .select_only()
            .column(attachment::Column::MessageId)
            .filter(attachment::Column::ChatId.eq(chat.0))
            .filter(attachment::Column::Hash.eq(hash));
        let there = of_chat.filter(Expr::exists(
            Query::select()
                .expr(Expr::val(1))
                .from(message::Entity)
                .and_where(Expr::col((message::Entity, message::Column::ChatId)).equals((attachment::Entity, attachment::Column::ChatId)))
                .and_where(Expr::col((message::Entity, message::Column::Id)).equals((attachment::Entity, attachment::Column::MessageId)))
                .and_where(Expr::col((message::Entity, message::Column::Deleted)).eq(false))
                .take(),
        ));
        let ids: Vec<i64> = there.order_by_desc(attachment::Column::MessageId).limit(limit).into_tuple().all(&self.db).await?;
        Ok(ids.into_iter().map(Tick).collect())
    }

    /// Is this the picture of somebody, or of a group?
    pub async fn has_avatar(&self, hash: &str) -> Result<bool> {
        let users = user::Entity::find().filter(user::Column::Avatar.eq(hash)).limit(1).count(&self.db).await?;
        Ok(users > 0 || chat::Entity::find().filter(chat::Column::Avatar.eq(hash)).limit(1).count(&self.db).await? > 0)
    }

    /// The message that a sender sent to a chat under this key.
    pub async fn sent_as(&self, chat: ChatId, sender: UserId, key: &str) -> Result<Option<Stored>> {
        let query = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::ClientId.eq(key.as_bytes().to_vec()))
            .filter(message::Column::SenderId.eq(sender.0));
        query.one(&self.db).await?.map(rows::message).transpose()
    }

    /// Sender, key and id of what was sent to a chat after `since`, at most the newest `limit`.
    pub async fn sent_since(&self, chat: ChatId, since: Tick, limit: u64) -> Result<Vec<(UserId, String, Tick)>> {
        let rows: Vec<(sea_orm::prelude::Uuid, Vec<u8>, i64)> = message::Entity::find()
            .select_only()
            .columns([message::Column::SenderId, message::Column::ClientId, message::Column::Id])
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Id.gt(since.0))
            .filter(message::Column::ClientId.is_not_null())
            .order_by_desc(message::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(|(sender, key, id)| (UserId(sender), String::from_utf8_lossy(&key).into_owned(), Tick(id))).collect())
    }
}

fn between(chat: ChatId, after: Tick, before: Tick) -> Condition {
    Condition::all().add(message::Column::ChatId.eq(chat.0)).add(message::Column::Id.gt(after.0)).add(message::Column::Id.lt(before.0))
}
