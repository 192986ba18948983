//! Words are folded by another rule, so the index of search is made anew, by the flusher, piece by
//! piece beside all else: here it is only begun. A database without people has nothing to be made
//! anew.

use sea_orm_migration::{prelude::*, sea_orm::ConnectionTrait};

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
}

#[derive(DeriveIden)]
enum Meta {
    Table,
    Name,
    Value,
}

const NAME: &str = "reindex";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let sql = manager.get_connection();
        let somebody = Query::select()
            .column(Users::Id)
            .from(Users::Table)
            .limit(1)
            .to_owned();
        if sql.query_one(&somebody).await?.is_none() {
            return Ok(());
        }
        let begin = Query::insert()
            .into_table(Meta::Table)
            .columns([Meta::Name, Meta::Value])
            .values_panic([NAME.into(), "".into()])
            .on_conflict(
                OnConflict::column(Meta::Name)
                    .update_column(Meta::Value)
                    .to_owned(),
            )
            .to_owned();
        sql.execute(&begin).await.map(drop)
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let end = Query::delete()
            .from_table(Meta::Table)
            .and_where(Expr::col(Meta::Name).eq(NAME))
            .to_owned();
        manager.get_connection().execute(&end).await.map(drop)
    }
}
