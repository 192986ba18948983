//! The ids that users have in the product that Carrier is a part of, and whether they are disabled;
//! none has one yet, and none is.

use sea_orm_migration::prelude::*;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    ExternalId,
    Disabled,
}

/// The index by which users are found by their external ids.
const INDEX: &str = "users_external_id";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut id = ColumnDef::new(Users::ExternalId);
        id.string_len(128).not_null().default("");
        let mut disabled = ColumnDef::new(Users::Disabled);
        disabled.big_integer().not_null().default(0);
        // SQLite adds one column at a time.
        for column in [id, disabled] {
            let add = Table::alter().table(Users::Table).add_column(column).take();
            manager.alter_table(add).await?;
        }
        let index = Index::create()
            .name(INDEX)
            .table(Users::Table)
            .col(Users::ExternalId)
            .take();
        manager.create_index(index).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let index = Index::drop().name(INDEX).table(Users::Table).to_owned();
        manager.drop_index(index).await?;
        for column in [Users::ExternalId, Users::Disabled] {
            let drop = Table::alter()
                .table(Users::Table)
                .drop_column(column)
                .take();
            manager.alter_table(drop).await?;
        }
        Ok(())
    }
}
