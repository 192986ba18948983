//! Users and their lists of chats.

use std::collections::HashSet;

use entity::{member, private_row, user};
use model::{ChatId, Name, NameKind, PrivateRow, Tick, User, UserId};
use sea_orm::{
    ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, prelude::Uuid,
    sea_query::Query,
};

use crate::{Cold, Result};

/// The number of changed users up to which the chats of each are looked at.
const FEW: u64 = 16;

impl Cold {
    /// Loads a user; `None` if SQL does not have them.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        let row = user::Entity::find_by_id(id.0).one(&self.db).await?;
        row.map(user::from_row).transpose()
    }

    /// Loads those of these users whom SQL has.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let rows = user::Entity::find()
            .filter(user::Column::Id.is_in(ids.iter().map(|id| id.0)))
            .all(&self.db)
            .await?;
        rows.into_iter().map(user::from_row).collect()
    }

    /// Loads the first `limit` users whose folded username or display name begins with `prefix`, in
    /// the order of username and id, after `after`.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn directory(
        &self,
        prefix: &str,
        after: Option<(&str, UserId)>,
        limit: u64,
    ) -> Result<Vec<User>> {
        use user::Column::{DisplayFolded, Id, UsernameFolded};
        let mut query = user::Entity::find().filter(UsernameFolded.ne(""));
        if !prefix.is_empty() {
            // A range, since an index serves it, and no character needs to be escaped. No text
            // sorts behind the last of all characters.
            let end = format!("{prefix}\u{10ffff}");
            let begins = |column: user::Column| {
                Condition::all()
                    .add(column.gte(prefix))
                    .add(column.lt(&end))
            };
            query = query.filter(
                Condition::any()
                    .add(begins(UsernameFolded))
                    .add(begins(DisplayFolded)),
            );
        }
        if let Some((name, id)) = after {
            let same = Condition::all()
                .add(UsernameFolded.eq(name))
                .add(Id.gt(id.0));
            query = query.filter(Condition::any().add(UsernameFolded.gt(name)).add(same));
        }
        let rows = query
            .order_by_asc(UsernameFolded)
            .order_by_asc(Id)
            .limit(limit)
            .all(&self.db)
            .await?;
        rows.into_iter().map(user::from_row).collect()
    }

    /// Loads up to `limit` users, not erased, who have a rev above `since` and share a chat
    /// with this one.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn changed_companions(
        &self,
        id: UserId,
        since: Tick,
        limit: u64,
    ) -> Result<Vec<User>> {
        use member::Column::{ChatId as Chat, LeftAt, UserId as Member};
        // Who was there a moment ago looks at those few who changed, and not at all companions.
        if since.happened() {
            let changed = self.changed_users(since).await?;
            if changed.len() <= FEW as usize {
                return self.companions_among(id, changed, limit).await;
            }
        }
        let chats = Query::select()
            .column(Chat)
            .from(member::Entity)
            .and_where(Member.eq(id.0))
            .and_where(LeftAt.eq(0))
            .take();
        let companions = Query::select()
            .column(Member)
            .from(member::Entity)
            .and_where(LeftAt.eq(0))
            .and_where(Chat.in_subquery(chats))
            .take();
        let changed = user::Entity::find()
            .filter(user::Column::Rev.gt(since.0))
            .filter(user::Column::Erased.eq(0))
            .filter(user::Column::Id.ne(id.0))
            .filter(user::Column::Id.in_subquery(companions));
        let rows = changed
            .order_by_asc(user::Column::Rev)
            .limit(limit)
            .all(&self.db)
            .await?;
        rows.into_iter().map(user::from_row).collect()
    }

    /// Returns the ids of up to [`FEW`] users, and one more, with a rev above `since`.
    async fn changed_users(&self, since: Tick) -> Result<Vec<Uuid>> {
        user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(user::Column::Rev.gt(since.0))
            .limit(FEW + 1)
            .into_tuple()
            .all(&self.db)
            .await
    }

    /// Loads those of these users, up to `limit` and not erased, who share a chat with another one.
    async fn companions_among(
        &self,
        id: UserId,
        users: Vec<Uuid>,
        limit: u64,
    ) -> Result<Vec<User>> {
        if users.is_empty() {
            return Ok(Vec::new());
        }
        let chats: Vec<(Uuid, Uuid)> = member::Entity::find()
            .select_only()
            .columns([member::Column::ChatId, member::Column::UserId])
            .filter(member::Column::UserId.is_in(users))
            .filter(member::Column::LeftAt.eq(0))
            .into_tuple()
            .all(&self.db)
            .await?;
        let mut shared = HashSet::new();
        for some in chats.chunks(1000) {
            let of_both: Vec<Uuid> = member::Entity::find()
                .select_only()
                .column(member::Column::ChatId)
                .filter(member::Column::ChatId.is_in(some.iter().map(|(chat, _)| *chat)))
                .filter(member::Column::UserId.eq(id.0))
                .filter(member::Column::LeftAt.eq(0))
                .into_tuple()
                .all(&self.db)
                .await?;
            shared.extend(of_both);
        }
        let companions = chats.iter().filter(|(chat, _)| shared.contains(chat));
        let companions: HashSet<Uuid> = companions.map(|(_, user)| *user).collect();
        if companions.is_empty() {
            return Ok(Vec::new());
        }
        let rows = user::Entity::find()
            .filter(user::Column::Id.is_in(companions))
            .filter(user::Column::Id.ne(id.0))
            .filter(user::Column::Erased.eq(0))
            .order_by_asc(user::Column::Rev)
            .limit(limit)
            .all(&self.db)
            .await?;
        rows.into_iter().map(user::from_row).collect()
    }

    /// Returns all users whose saved row has this name: more than one when a name was passed on and
    /// not every row is saved yet.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn users_named(&self, name: &Name) -> Result<Vec<UserId>> {
        let column = match name.kind {
            NameKind::Username => user::Column::UsernameFolded,
            NameKind::Email => user::Column::EmailFolded,
            NameKind::External => user::Column::ExternalId,
        };
        let ids: Vec<Uuid> = user::Entity::find()
            .select_only()
            .column(user::Column::Id)
            .filter(column.eq(&name.folded))
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// Loads a user's private rows, emptied ones too.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query, or holds a row that cannot be read.
    pub async fn private_rows(&self, id: UserId) -> Result<Vec<PrivateRow>> {
        let rows = private_row::Entity::find()
            .filter(private_row::Column::UserId.eq(id.0))
            .all(&self.db)
            .await?;
        rows.into_iter().map(private_row::from_row).collect()
    }

    /// Returns which of these users block another one.
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn who_blocks(&self, users: &[UserId], other: UserId) -> Result<Vec<UserId>> {
        use private_row::Column::{Kind, Target, UserId as User, Value};
        let ids: Vec<Uuid> = private_row::Entity::find()
            .select_only()
            .column(User)
            .filter(User.is_in(users.iter().map(|user| user.0)))
            .filter(Kind.eq("block"))
            .filter(Target.eq(other.0))
            .filter(Value.ne(""))
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// Returns a user's memberships: chat, rev, and the tick of the end (`NEVER` if it has none).
    ///
    /// # Errors
    /// Fails when SQL cannot be reached or refuses the query.
    pub async fn chats_of(&self, id: UserId) -> Result<Vec<(ChatId, Tick, Tick)>> {
        let rows: Vec<(Uuid, i64, i64)> = member::Entity::find()
            .select_only()
            .columns([
                member::Column::ChatId,
                member::Column::Rev,
                member::Column::LeftAt,
            ])
            .filter(member::Column::UserId.eq(id.0))
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(rows
            .into_iter()
            .map(|(chat, rev, left)| (ChatId(chat), Tick(rev), Tick(left)))
            .collect())
    }
}
