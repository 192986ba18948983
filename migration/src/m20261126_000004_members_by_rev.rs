//! An index of the members of a chat by their rev: `sync` asks who left since, of any number who
//! ever did.

use sea_orm_migration::prelude::*;

/// The migration.
#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Members {
    Table,
    ChatId,
    Rev,
}

const NAME: &str = "members_rev";

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let by_rev = Index::create()
            .name(NAME)
            .table(Members::Table)
            .col(Members::ChatId)
            .col(Members::Rev)
            .take();
        manager.create_index(by_rev).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut by_rev = Index::drop();
        by_rev.name(NAME).table(Members::Table);
        manager.drop_index(by_rev).await
    }
}
