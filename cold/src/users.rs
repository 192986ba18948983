//! Users and their lists of chats.

use entity::{member, mine, user};
use model::{ChatId, Mine, Name, NameKind, Tick, User, UserId};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect, sea_query::Query};

use crate::{Cold, Result, rows};

impl Cold {
    /// A user's row.
    pub async fn user(&self, id: UserId) -> Result<Option<User>> {
        Ok(user::Entity::find_by_id(id.0).one(&self.db).await?.map(rows::user))
    }

    /// Those of these users whom SQL has.
    pub async fn users(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let rows = user::Entity::find().filter(user::Column::Id.is_in(ids.iter().map(|id| id.0))).all(&self.db).await?;
        Ok(rows.into_iter().map(rows::user).collect())
    }

    /// The first `limit` users whose folded username or display name begins with `prefix`, in the order of username and id, after this place.
    pub async fn directory(&self, prefix: &str, after: Option<(&str, UserId)>, limit: u64) -> Result<Vec<User>> {
        use user::Column::{DisplayFolded, Id, UsernameFolded};
        let mut query = user::Entity::find().filter(UsernameFolded.ne(""));
        if !prefix.is_empty() {
            // A range, since an index serves it, and no character needs to be escaped. No text sorts behind the last of all characters.
            let end = format!("{prefix}\u{10ffff}");
            let begins = |column: user::Column| Condition::all().add(column.gte(prefix)).add(column.lt(&end));
            query = query.filter(Condition::any().add(begins(UsernameFolded)).add(begins(DisplayFolded)));
        }
        if let Some((name, id)) = after {
            let same = Condition::all().add(UsernameFolded.eq(name)).add(Id.gt(id.0));
            query = query.filter(Condition::any().add(UsernameFolded.gt(name)).add(same));
        }
        let rows = query.order_by_asc(UsernameFolded).order_by_asc(Id).limit(limit).all(&self.db).await?;
        Ok(rows.into_iter().map(rows::user).collect())
    }

    /// Up to `limit` users, not erased, who have a rev above `since` and share a chat with this one.
    pub async fn changed_companions(&self, id: UserId, since: Tick, limit: u64) -> Result<Vec<User>> {
        use member::Column::{ChatId as Chat, LeftAt, UserId as Member};
        let mine = Query::select().column(Chat).from(member::Entity).and_where(Member.eq(id.0)).and_where(LeftAt.eq(0)).take();
        let companions =
            Query::select().column(Member).from(member::Entity).and_where(LeftAt.eq(0)).and_where(Chat.in_subquery(mine)).take();
        let changed = user::Entity::find()
            .filter(user::Column::Rev.gt(since.0))
            .filter(user::Column::Erased.eq(0))
            .filter(user::Column::Id.ne(id.0))
            .filter(user::Column::Id.in_subquery(companions));
        let rows = changed.order_by_asc(user::Column::Rev).limit(limit).all(&self.db).await?;
        Ok(rows.into_iter().map(rows::user).collect())
    }

    /// All whose saved row has this name. More than one when a name was passed on and not every row is saved yet.
    pub async fn users_named(&self, name: &Name) -> Result<Vec<UserId>> {
        let column = match name.kind {
            NameKind::Username => user::Column::UsernameFolded,
            NameKind::Email => user::Column::EmailFolded,
        };
        let ids: Vec<sea_orm::prelude::Uuid> =
            user::Entity::find().select_only().column(user::Column::Id).filter(column.eq(&name.folded)).into_tuple().all(&self.db).await?;
        Ok(ids.into_iter().map(UserId).collect())
    }

    /// What is a user's alone, and what once was.
    pub async fn mine(&self, id: UserId) -> Result<Vec<Mine>> {
        let rows = mine::Entity::find().filter(mine::Column::UserId.eq(id.0)).all(&self.db).await?;
        rows.into_iter().map(rows::mine).collect()
    }

    /// A user's memberships: chat, rev, and when it ended (`NEVER`: it has not).
    pub async fn chats_of(&self, id: UserId) -> Result<Vec<(ChatId, Tick, Tick)>> {
        let rows: Vec<(sea_orm::prelude::Uuid, i64, i64)> = member::Entity::find()
            .select_only()
            .columns([member::Column::ChatId, member::Column::Rev, member::Column::LeftAt])
            .filter(member::Column::UserId.eq(id.0))
            .into_tuple()
            .all(&self.db)
            .await?;
        Ok(rows.into_iter().map(|(chat, rev, left)| (ChatId(chat), Tick(rev), Tick(left))).collect())
    }
}
