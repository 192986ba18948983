//! Table `users`.
#![allow(missing_docs)] // sea-orm derives public items without docs

use model::{Tick, User, UserId, fold, fold_shown};
use sea_orm::{ActiveValue::Set, entity::prelude::*};

/// A user's row. `username_folded`, `email_folded` and `external_id` are indexed and not unique: an
/// upsert into a table with a second unique key may hit the wrong row. The claims in Redis keep
/// names unique.
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "users")]
pub struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub username: String,
    pub username_folded: String,
    pub email: String,
    pub email_folded: String,
    pub external_id: String,
    pub display_name: String,
    pub display_folded: String,
    pub bio: String,
    /// SHA-256 of the user's picture in hex.
    pub avatar: String,
    pub password: String,
    pub password_rev: i64,
    pub created: i64,
    /// The tick of the erasure, or 0.
    pub erased: i64,
    /// The tick at which it was disabled, or 0.
    pub disabled: i64,
    pub found_by_email: bool,
    /// JSON of the metadata, if there is any.
    pub metadata: Option<String>,
    pub rev: i64,
}

#[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Makes the row of a user.
pub fn to_row(user: &User) -> ActiveModel {
    ActiveModel {
        id: Set(user.id.0),
        username: Set(user.username.clone()),
        username_folded: Set(fold(&user.username)),
        email: Set(user.email.clone()),
        email_folded: Set(fold(&user.email)),
        external_id: Set(user.external_id.clone()),
        display_name: Set(user.display_name.clone()),
        display_folded: Set(fold_shown(&user.display_name)),
        bio: Set(user.bio.clone()),
        avatar: Set(user.avatar.clone()),
        password: Set(user.password.clone()),
        password_rev: Set(user.password_rev.0),
        created: Set(user.created.0),
        erased: Set(user.erased.0),
        disabled: Set(user.disabled.0),
        found_by_email: Set(user.found_by_email),
        metadata: Set(user.metadata_json()),
        rev: Set(user.rev.0),
    }
}

/// Makes a user of their row.
///
/// # Errors
/// `DbErr::Type` when the metadata cannot be read.
pub fn from_row(row: Model) -> Result<User, DbErr> {
    let metadata = User::read_metadata(row.metadata.as_deref().unwrap_or_default())
        .map_err(|error| DbErr::Type(format!("a user's metadata cannot be read: {error}")))?;
    Ok(User {
        id: UserId(row.id),
        username: row.username,
        email: row.email,
        external_id: row.external_id,
        display_name: row.display_name,
        bio: row.bio,
        avatar: row.avatar,
        password: row.password,
        password_rev: Tick(row.password_rev),
        created: Tick(row.created),
        erased: Tick(row.erased),
        disabled: Tick(row.disabled),
        found_by_email: row.found_by_email,
        metadata,
        rev: Tick(row.rev),
    })
}

#[cfg(test)]
mod tests {
    use sea_orm::TryIntoModel;

    use super::*;

    #[test]
    fn a_user_comes_back_as_they_were_written() {
        let user = User {
            id: UserId::new(),
            username: "Straße".into(),
            email: "A@Example.org".into(),
            external_id: "auth0|A".into(),
            display_name: "Ada \u{1F30D}".into(),
            bio: "two\nlines".into(),
            avatar: "ab".repeat(32),
            password: "$argon2id$".into(),
            password_rev: Tick(1),
            created: Tick(2),
            erased: Tick(3),
            disabled: Tick(5),
            found_by_email: true,
            metadata: Some([("team".to_owned(), "blue".into())].into()),
            rev: Tick(4),
        };
        let row = to_row(&user).try_into_model().expect("every column is set");
        assert_eq!(row.username_folded, fold("Straße"));
        assert_eq!(row.email_folded, "a@example.org");
        assert_eq!(from_row(row).expect("our own row"), user);
    }
}
