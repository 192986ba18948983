//! Chats, members and messages.

use std::collections::HashMap;

use entity::{attachment, chat, member, message, user};
use model::{Chat, ChatId, Member, StoredMessage, Tick, UserId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, Iterable, PaginatorTrait, QueryFilter, QueryOrder,
    QuerySelect,
    prelude::Uuid,
    sea_query::{Expr, ExprTrait, Query},
};

use crate::{Cold, Result};

/// A chat with its members.
#[derive(Clone, Debug)]
pub struct ColdChat {
    /// The chat's own row.
    pub chat: Chat,
    /// Members, present and past, or only the present ones.
    pub members: Vec<(UserId, Member)>,
    /// The highest rev of a past member; `NEVER` when nobody has left.
    pub gone: Tick,
}

/// The ticks by which a chat has its place in lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChatTicks {
    /// The newest rev of its row, its members and its messages.
    pub changed: Tick,
    /// The id of the newest message.
    pub last: Tick,
}

impl Cold {
    /// Returns a reader for reads that follow each other: where a node may lag, it is looked at
    /// once for all of them.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached, or only nodes that lag.
    pub async fn together(&self) -> Result<Self> {
        match self.db.floor().is_empty() {
            true => Ok(self.clone()),
            false => self.on_one_node().await,
        }
    }

    /// Loads a chat with its members; `None` if SQL has no such chat.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn chat(&self, id: ChatId) -> Result<Option<ColdChat>> {
        self.chat_with(id, Condition::all()).await
    }

    /// Loads a chat with its present members; `None` if SQL has no such chat.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn present_chat(&self, id: ChatId) -> Result<Option<ColdChat>> {
        let present = member::Column::LeftAt.eq(Tick::NEVER.0);
        self.chat_with(id, Condition::all().add(present)).await
    }

    async fn chat_with(&self, id: ChatId, which: Condition) -> Result<Option<ColdChat>> {
        let Some(row) = chat::Entity::find_by_id(id.0).one(&self.db).await? else {
            return Ok(None);
        };
        let members = member::Entity::find()
            .filter(member::Column::ChatId.eq(id.0))
            .filter(which)
            .all(&self.db)
            .await?;
        let members = members
            .into_iter()
            .map(member::from_row)
            .collect::<Result<_>>()?;
        // By the index on the rev: of those before it, all are present.
        let gone: Option<i64> = member::Entity::find()
            .select_only()
            .column(member::Column::Rev)
            .filter(member::Column::ChatId.eq(id.0))
            .filter(member::Column::LeftAt.ne(Tick::NEVER.0))
            .order_by_desc(member::Column::Rev)
            .limit(1)
            .into_tuple()
            .one(&self.db)
            .await?;
        Ok(Some(ColdChat {
            chat: chat::from_row(row)?,
            members,
            gone: gone.map(Tick).unwrap_or_default(),
        }))
    }

    /// Returns the first `limit` of those who left a chat with a rev above `since`, by rev.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn members_gone(
        &self,
        chat: ChatId,
        since: Tick,
        limit: u64,
    ) -> Result<Vec<(UserId, Member)>> {
        let gone = member::Entity::find()
            .filter(member::Column::ChatId.eq(chat.0))
            .filter(member::Column::LeftAt.ne(Tick::NEVER.0))
            .filter(member::Column::Rev.gt(since.0))
            .order_by_asc(member::Column::Rev)
            .limit(limit);
        let rows = gone.all(&self.db).await?;
        rows.into_iter().map(member::from_row).collect()
    }

    /// Loads the newest `limit` messages with an id below `before`, oldest first.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn messages_before(
        &self,
        chat: ChatId,
        before: Tick,
        limit: u64,
    ) -> Result<Vec<StoredMessage>> {
        let query = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Id.lt(before.0))
            .order_by_desc(message::Column::Id)
            .limit(limit);
        self.messages(query)
            .await?
            .into_iter()
            .rev()
            .map(message::from_row)
            .collect()
    }

    /// Loads the oldest `limit` messages with an id above `after` and below `before`, oldest first.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn messages_between(
        &self,
        chat: ChatId,
        after: Tick,
        before: Tick,
        limit: u64,
    ) -> Result<Vec<StoredMessage>> {
        let query = message::Entity::find()
            .filter(between(chat, after, before))
            .order_by_asc(message::Column::Id)
            .limit(limit);
        self.messages(query)
            .await?
            .into_iter()
            .map(message::from_row)
            .collect()
    }

    /// Counts the texts, less those deleted and these, with an id above `after` and below `before`.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn count_texts(
        &self,
        chat: ChatId,
        after: Tick,
        before: Tick,
        less: &[Tick],
    ) -> Result<i64> {
        let mut texts = message::Entity::find().filter(
            between(chat, after, before)
                .add(message::Column::Kind.eq("text"))
                .add(message::Column::Deleted.eq(false)),
        );
        if !less.is_empty() {
            texts = texts.filter(message::Column::Id.is_not_in(less.iter().map(|id| id.0)));
        }
        Ok(texts.count(&self.db).await? as i64)
    }

    /// Counts the texts, less those deleted, among these messages.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn count_texts_among(&self, chat: ChatId, ids: &[Tick]) -> Result<i64> {
        let texts = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .filter(message::Column::Kind.eq("text"))
            .filter(message::Column::Deleted.eq(false));
        Ok(texts.count(&self.db).await? as i64)
    }

    /// Returns the ticks of those of these chats that SQL has.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn chat_ticks(&self, ids: &[ChatId]) -> Result<HashMap<ChatId, ChatTicks>> {
        let mut found = HashMap::new();
        for some in ids.chunks(1000) {
            let among = || some.iter().map(|id| id.0);
            let rows: Vec<(Uuid, i64, i64)> = chat::Entity::find()
                .select_only()
                .columns([chat::Column::Id, chat::Column::Rev, chat::Column::Last])
                .filter(chat::Column::Id.is_in(among()))
                .into_tuple()
                .all(&self.db)
                .await?;
            // Every change of a message raises the rev of the chat's own row; one of a member does
            // not.
            let members: Vec<(Uuid, i64)> = member::Entity::find()
                .select_only()
                .column(member::Column::ChatId)
                .expr(member::Column::Rev.max())
                .filter(member::Column::ChatId.is_in(among()))
                .group_by(member::Column::ChatId)
                .into_tuple()
                .all(&self.db)
                .await?;
            let members: HashMap<_, _> = members.into_iter().collect();
            found.extend(rows.into_iter().map(|(id, rev, last)| {
                let of_members = members.get(&id).copied().unwrap_or_default();
                let changed = Tick(rev).max(Tick(last)).max(Tick(of_members));
                let last = Tick(last);
                (ChatId(id), ChatTicks { changed, last })
            }));
        }
        Ok(found)
    }

    /// Loads the first `limit` messages with a rev above `since`, by rev.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn messages_changed(
        &self,
        chat: ChatId,
        since: Tick,
        limit: u64,
    ) -> Result<Vec<StoredMessage>> {
        let query = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Rev.gt(since.0))
            .order_by_asc(message::Column::Rev)
            .limit(limit);
        self.messages(query)
            .await?
            .into_iter()
            .map(message::from_row)
            .collect()
    }

    /// Loads one message; `None` if SQL does not have it.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn message(&self, chat: ChatId, id: Tick) -> Result<Option<StoredMessage>> {
        let query = message::Entity::find_by_id((chat.0, id.0));
        let found = self.messages(query).await?.pop();
        found.map(message::from_row).transpose()
    }

    /// Loads those of these messages of a chat that SQL has, in no order.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn messages_among(&self, chat: ChatId, ids: &[Tick]) -> Result<Vec<StoredMessage>> {
        let query = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Id.is_in(ids.iter().map(|id| id.0)));
        let found = self.messages(query).await?.into_iter();
        found.map(message::from_row).collect()
    }

    /// Returns the preview of each of these messages that SQL has: the beginning of its body, or
    /// the name of its first file.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn previews(
        &self,
        places: &[(Tick, ChatId)],
    ) -> Result<HashMap<(Tick, ChatId), String>> {
        let mut by_chat: HashMap<ChatId, Vec<i64>> = HashMap::new();
        for (id, chat) in places {
            by_chat.entry(*chat).or_default().push(id.0);
        }
        let any = by_chat
            .into_iter()
            .fold(Condition::any(), |any, (chat, ids)| {
                any.add(
                    Condition::all()
                        .add(message::Column::ChatId.eq(chat.0))
                        .add(message::Column::Id.is_in(ids)),
                )
            });
        use message::Column::{Body, Reactors, Terms};
        let is_small = |column: &message::Column| !matches!(column, Body | Reactors | Terms);
        let query = message::Entity::find()
            .select_only()
            .columns(message::Column::iter().filter(is_small))
            .expr_as(Expr::cust("SUBSTR(body, 1, 100)"), Body)
            .expr_as(Expr::cust("''"), Terms)
            .expr_as(Expr::cust("NULL"), Reactors)
            .filter(any);
        let rows = self.messages(query).await?.into_iter();
        rows.map(|row| {
            let place = (Tick(row.id), ChatId(row.chat_id));
            Ok((place, message::preview(row.body, row.extras)?))
        })
        .collect()
    }

    /// Returns the newest `limit` messages of a chat, not deleted, that have the file of this hash.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
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
                .and_where(
                    Expr::col((message::Entity, message::Column::ChatId))
                        .equals((attachment::Entity, attachment::Column::ChatId)),
                )
                .and_where(
                    Expr::col((message::Entity, message::Column::Id))
                        .equals((attachment::Entity, attachment::Column::MessageId)),
                )
                .and_where(Expr::col((message::Entity, message::Column::Deleted)).eq(false))
                .take(),
        ));
        let ids: Vec<i64> = there
            .order_by_desc(attachment::Column::MessageId)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(ids.into_iter().map(Tick).collect())
    }

    /// Returns true if the file of this hash is the picture of a user or of a group.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn has_avatar(&self, hash: &str) -> Result<bool> {
        let users = user::Entity::find()
            .filter(user::Column::Avatar.eq(hash))
            .limit(1)
            .count(&self.db)
            .await?;
        Ok(users > 0
            || chat::Entity::find()
                .filter(chat::Column::Avatar.eq(hash))
                .limit(1)
                .count(&self.db)
                .await?
                > 0)
    }

    /// Loads the message that a sender sent to a chat under this idempotency key.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn sent_as(
        &self,
        chat: ChatId,
        sender: UserId,
        key: &str,
    ) -> Result<Option<StoredMessage>> {
        let query = message::Entity::find()
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::ClientId.eq(key.as_bytes().to_vec()))
            .filter(message::Column::SenderId.eq(sender.0))
            .limit(1);
        let found = self.messages(query).await?.pop();
        found.map(message::from_row).transpose()
    }

    /// Returns sender, idempotency key and id of the messages sent to a chat after `since`, at most
    /// the newest `limit`.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn sent_since(
        &self,
        chat: ChatId,
        since: Tick,
        limit: u64,
    ) -> Result<Vec<(UserId, String, Tick)>> {
        let rows: Vec<(Uuid, Vec<u8>, i64)> = message::Entity::find()
            .select_only()
            .columns([
                message::Column::SenderId,
                message::Column::ClientId,
                message::Column::Id,
            ])
            .filter(message::Column::ChatId.eq(chat.0))
            .filter(message::Column::Id.gt(since.0))
            .filter(message::Column::ClientId.is_not_null())
            .order_by_desc(message::Column::Id)
            .limit(limit)
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(sender, key, id)| {
                (
                    UserId(sender),
                    String::from_utf8_lossy(&key).into_owned(),
                    Tick(id),
                )
            })
            .collect())
    }
}

fn between(chat: ChatId, after: Tick, before: Tick) -> Condition {
    Condition::all()
        .add(message::Column::ChatId.eq(chat.0))
        .add(message::Column::Id.gt(after.0))
        .add(message::Column::Id.lt(before.0))
}
